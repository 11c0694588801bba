"""Records the spoken digits in `src/lingpai/guard/captcha/digits/mandarin` with espeak-ng (in Debian); run by hand.

    python tools/make_digits.py

One file for each digit and voice, as the library `captcha` reads them: WAV, 8,000 samples a second, 8 bits, one channel.
The licence is told in `LICENSES.md` beside that folder.
"""

import io
import subprocess
import wave
from itertools import pairwise
from pathlib import Path

DIGITS = Path(__file__).parents[1] / "src" / "lingpai" / "guard" / "captcha" / "digits" / "mandarin"
READINGS = ("ling2", "yao1", "er4", "san1", "si4", "wu3", "liu4", "qi1", "ba1", "jiu3")
"""In Pinyin, for the Debian voice has no characters. 1 is read yao, as Chinese does in numbers that are told: yi and qi sound alike."""
VOICES = {"man": ("cmn-latn-pinyin", 45), "woman": ("cmn-latn-pinyin+f2", 60)}
"""Each voice with its pitch."""
WORDS_A_MINUTE = 130
RATE = 8_000
LOUDEST, QUIET = 68, 2
"""How far a sample lies from the middle (128) at most, as in the English digits. What is nearer than QUIET is cut off at the ends."""


def speak(reading: str, voice: str, pitch: int) -> tuple[list[int], int]:
    """The samples and how many a second."""
    call = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(WORDS_A_MINUTE), "--stdout", reading]
    said = subprocess.run(call, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - its words are above
    with wave.open(io.BytesIO(said)) as file:
        rate = file.getframerate()
    body = said[said.index(b"data") + 8 :]  # its header, made before the sound, tells no true length
    return [int.from_bytes(body[at : at + 2], "little", signed=True) for at in range(0, len(body) - 1, 2)], rate


def slower(samples: list[int], rate: int) -> list[float]:
    """As many samples a second as asked for, each the mean of those that it stands for."""
    step = rate / RATE
    edges = [round(number * step) for number in range(int(len(samples) / step) + 1)]
    return [sum(samples[low:high]) / (high - low) for low, high in pairwise(edges)]


def eight_bits(samples: list[float]) -> bytes:
    """As loud as all others, silence cut off at both ends."""
    peak = max(map(abs, samples))
    scaled = [round(sample / peak * LOUDEST) for sample in samples]
    loud = [at for at, sample in enumerate(scaled) if abs(sample) > QUIET]
    return bytes(128 + sample for sample in scaled[loud[0] : loud[-1] + 1])


def main() -> None:
    """Writes them all."""
    for digit, reading in enumerate(READINGS):
        folder = DIGITS / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        for name, (voice, pitch) in VOICES.items():
            body = eight_bits(slower(*speak(reading, voice, pitch)))
            with wave.open(str(folder / f"{name}.wav"), "wb") as file:
                file.setparams((1, 1, RATE, 0, "NONE", ""))
                file.writeframes(body)
            print(f"{reading} ({name}): {len(body) / RATE:.2f} s")


if __name__ == "__main__":
    main()
