"""Links and codes while one rolls from one secret to another (contract, R3): what was made under the other secret is still good.

Each lies under one of the two: whatever is new takes the place of an older one under either.
"""

from typing import Any

import msgspec

from lingpai.core.chance import Chance
from lingpai.core.model import Purpose
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time.codes import OneTimeSecrets, Replaced


class RollingSecrets(OneTimeSecrets):
    """As `OneTimeSecrets`, under the secret in use and under the one beside it."""

    def __init__(self, ephemeral: Ephemeral, secret_box: SecretBox, beside: SecretBox, chance: Chance) -> None:
        super().__init__(ephemeral, secret_box, chance)
        self._beside = OneTimeSecrets(ephemeral, beside, chance)

    async def new_link(
        self, purpose: Purpose, realm: str, key: str, *args: Any, spare: bool = False, replaced: Replaced | None = None, **more: Any
    ) -> str:
        token = await super().new_link(purpose, realm, key, *args, spare=spare, replaced=replaced, **more)
        await self._beside.end("link", purpose, realm, key, spare=spare, replaced=replaced)
        return token

    async def peek_link(self, *args: Any, **more: Any) -> Entry | None:
        return await super().peek_link(*args, **more) or await self._beside.peek_link(*args, **more)

    async def take_link(self, *args: Any, **more: Any) -> Entry | None:
        return await super().take_link(*args, **more) or await self._beside.take_link(*args, **more)

    async def find_recovery_code(self, *args: Any, **more: Any) -> bool:
        return await super().find_recovery_code(*args, **more) or await self._beside.find_recovery_code(*args, **more)

    async def is_of_digits(self, *args: Any, **more: Any) -> bool:
        return await super().is_of_digits(*args, **more) or await self._beside.is_of_digits(*args, **more)

    async def waits_for(self, *args: Any, **more: Any) -> str:
        return await super().waits_for(*args, **more) or await self._beside.waits_for(*args, **more)

    async def peek_code(self, purpose: Purpose, realm: str, key: str, code: str) -> Entry | None:
        found = await super().peek_code(purpose, realm, key, code)
        return found or await self._beside.peek_code(purpose, realm, key, code)

    async def take_code(self, purpose: Purpose, realm: str, key: str, code: str) -> Entry | None:
        entry = await super().take_code(purpose, realm, key, code)
        if entry:
            return entry
        other = await self._beside.take_code(purpose, realm, key, code)
        # Put back, it will lie under the secret in use.
        return msgspec.structs.replace(other, proof=self._code_digest(purpose, realm, key, code)) if other else None

    async def kill(self, *args: Any, **more: Any) -> None:
        await super().kill(*args, **more)
        await self._beside.kill(*args, **more)

    async def _keep_code(
        self, purpose: Purpose, realm: str, key: str, holder: str, code: str, tries: int, replaced: Replaced | None, **more: Any
    ) -> None:
        await super()._keep_code(purpose, realm, key, holder, code, tries, replaced, **more)
        await self._beside.end("code", purpose, realm, key, replaced=replaced)
