"""The program that `tts_client.py` runs: reads a voice and digits a line, writes a sound. It ends with its input.

    mandarin 402913  ->  four bytes, the length, and a WAV

It imports nothing of ours, to be small. Noise, gaps, speed and loudness are the library's, and its own chance.
"""

import os
import signal
import sys
from pathlib import Path

from captcha.audio import AudioCaptcha

NICE = 19
DIGITS = Path(__file__).with_name("digits")
ENGLISH = "english"
VOICES: dict[str, str | None] = {ENGLISH: None} | {folder.name: str(folder) for folder in DIGITS.iterdir() if folder.is_dir()}
"""Where the digits of each voice lie; the library's own are English, and serve the languages that have none."""


def main() -> None:
    """Until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the service, which ends us
    os.nice(NICE)
    voices = {voice: AudioCaptcha(folder) for voice, folder in VOICES.items()}
    for line in sys.stdin.buffer:
        voice, digits = line.decode().split()
        sound = voices.get(voice, voices[ENGLISH]).generate(digits)
        sys.stdout.buffer.write(len(sound).to_bytes(4) + sound)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
