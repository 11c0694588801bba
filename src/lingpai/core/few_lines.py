"""Lines of the log that a crowd would write thousands of: a few in each second, and then how many more there were."""

from typing import Final

import structlog

MOST: Final = 20
"""Lines in one second."""


class FewLines:
    """Lines of one event. `tick` is called each second."""

    def __init__(self, event: str, logger: str) -> None:
        """`event`: what those are, of which there are more than have a line each."""
        self._event = event
        self._log = structlog.get_logger(logger)
        self._times = 0

    def another(self) -> bool:
        """Whether this one has a line of its own."""
        self._times += 1
        return self._times <= MOST

    def tick(self) -> None:
        """A second is over."""
        if self._times > MOST:
            self._log.info(self._event, times=self._times - MOST)
        self._times = 0
