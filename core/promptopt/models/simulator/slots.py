"""Words that fill the simulated generator's templates; some of them are a company's own."""

import re
from collections.abc import Callable, Sequence

from promptopt.models.simulator.chance import Dice

_SLOT = re.compile(r"\{([a-z]+)(\d?)\}")
_OWN = re.compile(r"^\W*(?P<key>[A-Za-z _-]{2,40})\W*[:=]\s*(?P<value>.+)$", re.MULTILINE)
_NAMES = ("company", "organization", "organisation", "name", "brand")
_THINGS = ("product", "products", "services", "brands", "offer")

_FIRST = (
    "Mara",
    "Jonas",
    "Priya",
    "Tom",
    "Ines",
    "Yusuf",
    "Greta",
    "Luca",
    "Aiko",
    "Ben",
    "Sofia",
    "Pavel",
    "Nora",
    "Omar",
)
_LAST = (
    "Lindqvist",
    "Okafor",
    "Brandt",
    "Moreau",
    "Keller",
    "Silva",
    "Novak",
    "Haddad",
    "Fischer",
    "Tanaka",
    "Reyes",
)
_CITIES = ("Leeds", "Graz", "Lyon", "Porto", "Gdansk", "Bergen", "Ghent", "Malmo", "Turin", "Cork")
_FIRMS = (
    "Northwind Ltd",
    "Brickfield AG",
    "Calder & Sons",
    "Helio Foods",
    "Kestrel Logistics",
    "Marlow Clinic",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_MONTHS = ("January", "March", "April", "June", "July", "September", "October", "November")
_TEAMS = ("Sales", "Platform", "Design", "Finance", "Support", "Operations", "Legal")
_COLOURS = ("red", "blue", "orange", "green", "black", "white")
_SYSTEMS = ("Windows 11", "Ubuntu 24.04", "macOS 15", "Android 15", "iOS 18")
_BROWSERS = ("Firefox", "Chrome", "Safari", "Edge")
_ERRORS = ("E-104", "'connection refused'", "'token expired'", "ERR_TIMEOUT", "'out of range'", "code 0x80")
_PLANS = ("Basic", "Team", "Pro", "Family")
_COMMANDS = (
    "hctl user add",
    "hctl sync --all",
    "agent rotate-key",
    "qs export --csv",
    "lumen migrate",
    "gw reload",
)
_SETTINGS = ("max_retries", "cache_dir", "auth_mode", "batch_size", "log_level", "region_id")
_PATHS = ("/etc/harbor/main.yml", "~/.quill/state.db", "/var/log/agent.log", "config/app.toml")


class Slots:
    """The values of one case's slots: each is drawn once, whichever template has it.

    Args:
        company: its context, as text.
        products: to speak of, if the context names none.
    """

    def __init__(self, company: str, products: Sequence[str], dice: Dice) -> None:
        own = {match["key"].strip().casefold(): match["value"].strip() for match in _OWN.finditer(company)}
        name = next((own[key] for key in _NAMES if own.get(key)), "")
        listed = next((own[key] for key in _THINGS if own.get(key)), "")
        things = [thing.strip(" .") for thing in re.split(r"[,;]| and ", listed) if thing.strip(" .")]
        self._company = name or "our company"
        self._products = tuple(thing[:60] for thing in things) or tuple(products) or ("the product",)
        self._dice = dice
        self._values: dict[str, str] = {}

    def value(self, slot: str) -> str:
        """The value of a slot; an unknown one is its own name."""
        if slot not in self._values:
            kind = slot.rstrip("0123456789")
            taken = {value for other, value in self._values.items() if other.rstrip("0123456789") == kind}
            found = self._drawn(kind, slot)
            for attempt in range(4):  # two slots of one kind are two things
                if found not in taken:
                    break
                found = self._drawn(kind, f"{slot} {attempt}")
            self._values[slot] = found
        return self._values[slot]

    def used(self, slot: str) -> list[str]:
        """Values that were drawn of this slot's kind."""
        kind = slot.rstrip("0123456789")
        return [value for other, value in self._values.items() if other.rstrip("0123456789") == kind]

    def filled(self, template: str) -> str:
        """A template with its slots filled."""
        return _SLOT.sub(lambda match: self.value(match[1] + match[2]), template)

    def _drawn(self, kind: str, draw: str) -> str:
        dice = self._dice
        number = dice.roll(f"number {draw}")
        pools: dict[str, Sequence[str]] = {
            "product": self._products, "city": _CITIES, "firm": _FIRMS, "day": _DAYS, "month": _MONTHS,
            "team": _TEAMS, "colour": _COLOURS, "system": _SYSTEMS, "browser": _BROWSERS, "error": _ERRORS,
            "plan": _PLANS, "command": _COMMANDS, "setting": _SETTINGS, "path": _PATHS,
            "ago": ("two days ago", "last week", "yesterday", "this month"),
        }  # fmt: skip
        numbers: dict[str, Callable[[], str]] = {
            "company": lambda: self._company,
            "name": lambda: f"{dice.pick(_FIRST, f'first {draw}')} {dice.pick(_LAST, f'last {draw}')}",
            "amount": lambda: f"${int(9 + number * 900)}.{int(number * 1000) % 100:02d}",
            "date": lambda: f"{1 + int(number * 27)} {dice.pick(_MONTHS, f'month {draw}')}",
            "time": lambda: f"{8 + int(number * 9)}:{('00', '15', '30', '45')[int(number * 400) % 4]}",
            "room": lambda: f"room {1 + int(number * 5)}.{int(number * 1000) % 30:02d}",
            "count": lambda: str(2 + int(number * 58)),
            "percent": lambda: f"{3 + int(number * 94)} %",
            "years": lambda: str(3 + int(number * 14)),
            "year": lambda: str(2009 + int(number * 14)),
            "version": lambda: f"{1 + int(number * 8)}.{int(number * 100) % 10}.{int(number * 1000) % 10}",
            "code": lambda: str((400, 403, 404, 409, 429, 500, 503)[int(number * 7)]),
            "order": lambda: f"{int(10_000 + number * 89_999)}",
            "account": lambda: f"AC-{int(1_000 + number * 8_999)}",
            "invoice": lambda: f"INV-{int(2_000 + number * 7_000)}",
            "contract": lambda: f"C-{int(100 + number * 899)}",
            "ticket": lambda: f"T{int(10_000 + number * 80_000)}",
        }
        if kind in pools:
            return dice.pick(pools[kind], f"pool {draw}")
        return numbers[kind]() if kind in numbers else kind
