"""The program that `speaker.py` runs: reads a language and digits a line, writes a sound. It ends with its input.

    zh-Hans 402913  ->  four bytes, the length, and a WAV

It imports nothing of ours, to be small. Noise, gaps, speed and loudness are the library's, and its own chance.
"""

import os
import signal
import sys
from pathlib import Path

from captcha.audio import AudioCaptcha

NICE = 19
VOICES = {"en": None, "zh-Hans": str(Path(__file__).with_name("digits"))}
"""Where each language's digits lie; the library's own are English, and serve the languages that have none."""


def main() -> None:
    """Until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the service, which ends us
    os.nice(NICE)
    voices = {locale: AudioCaptcha(folder) for locale, folder in VOICES.items()}
    for line in sys.stdin.buffer:
        locale, digits = line.decode().split()
        sound = voices.get(locale, voices["en"]).generate(digits)
        sys.stdout.buffer.write(len(sound).to_bytes(4) + sound)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
