"""What strangers may have counted up against an account, and an operator can take back."""

from lingpai.core.model import Account, Address
from lingpai.steps.guesses import clear_guesses
from lingpai.steps.services import Services
from lingpai.store import accounts


async def clear_counts(services: Services, account: Account) -> None:
    """Nothing that was tried, asked for or guessed in the account's name counts any more; what each client has done still does."""
    await services.lockout.cleared(account.realm, account.id)
    found = await accounts.identifiers_of(services.store, account_id=account.id)
    addresses = [Address(each.kind, each.value, each.key) for each in found]
    for address in addresses:
        typed = typed_address(account.realm, address)
        await services.limits.clear("login_address", typed)
        await services.lockout.tried(typed, right=True)
    for who in (str(account.id), f"{account.id}/known"):
        await services.limits.clear("questions_account", f"{account.realm}:{who}")
    await clear_guesses(services, account)
    await services.messages.cleared(account.realm, str(account.id), addresses)


def typed_address(realm: str, address: Address, device: str = "") -> str:
    """What a login counts on beside the account: the address as it was typed, and the browser where the account knows it."""
    return f"{realm}:{address.kind}:{address.key}/{device}"
