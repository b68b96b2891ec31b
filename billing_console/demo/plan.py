"""What the demo installation holds: workspaces, people and bots, all made up but one.

The workspace `chitchat` holds real conversations; README.md beside this file says whose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from billing_console.demo.traffic import Rhythm, Traffic

MONTHS = 13  # of the past
OPERATOR = "operator@console.example"


@dataclass(frozen=True)
class DemoPerson:
    """Someone with a role in one workspace; ``shared`` are the keys of bots shared with them."""

    email: str
    name: str
    role: str
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class DemoBot:
    """A bot, its owner's mail and publish status, and the traffic to make up for it."""

    key: str
    name: str
    owner: str
    traffic: Traffic
    status: str = "published"


@dataclass(frozen=True)
class DemoWorkspace:
    """A workspace; without ``bots`` it gets the recorded events of `chitchat`."""

    slug: str
    name: str
    zone: str
    currency: str
    people: tuple[DemoPerson, ...]
    bots: tuple[DemoBot, ...] = field(default=())

    def traffic(self) -> Mapping[str, Traffic]:
        """Return the traffic by the bot's key."""
        return {bot.key: bot.traffic for bot in self.bots}


WEB = ("web", 5)
WHATSAPP = ("whatsapp", 5)
TEAMS = ("msteams", 3)
SLACK = ("slack", 3)
PHONE = ("ivr", 3)

MARA = "mara.quint@larkspur.example"
TOBIAS = "tobias.reyes@larkspur.example"
NADIA = "nadia.holt@larkspur.example"

LARKSPUR = DemoWorkspace(
    slug="larkspur-bank",
    name="Larkspur Bank",
    zone="America/New_York",
    currency="USD",
    people=(
        DemoPerson(MARA, "Mara Quint", "owner"),
        DemoPerson(TOBIAS, "Tobias Reyes", "admin"),
        DemoPerson("ines.calder@larkspur.example", "Ines Calder", "finance"),
        DemoPerson(NADIA, "Nadia Holt", "member"),
        DemoPerson(
            "desk@partner.example", "Partner desk", "shared", ("branch-finder", "mortgage-guide")
        ),
    ),
    bots=(
        DemoBot(
            "everyday-banking",
            "Everyday Banking",
            TOBIAS,
            Traffic((WEB, WHATSAPP), 21, Rhythm.ALL_DAY, weekend=0.6, agents=14, transfers=0.16),
        ),
        DemoBot(
            "card-services",
            "Card Services",
            TOBIAS,
            Traffic((WEB, PHONE), 9, growth=0.3, agents=6, transfers=0.12),
        ),
        DemoBot(
            "phone-banking",
            "Phone Banking",
            TOBIAS,
            Traffic((PHONE,), 8, Rhythm.OFFICE, weekend=0.4, growth=-0.2, transfers=0.25),
        ),
        DemoBot(
            "fraud-watch",
            "Fraud Watch",
            MARA,
            Traffic((WHATSAPP,), 1.5, weekend=1.0, subscribers=34, notified=4),
        ),
        DemoBot(
            "mortgage-guide",
            "Mortgage Guide",
            NADIA,
            Traffic((WEB,), 3, Rhythm.EVENING, weekend=0.8, growth=0.2),
        ),
        DemoBot(
            "business-banking",
            "Business Banking",
            NADIA,
            Traffic((WEB, TEAMS), 3.5, Rhythm.OFFICE, weekend=0.1, agents=3, transfers=0.1),
        ),
        DemoBot(
            "branch-finder",
            "Branch Finder",
            MARA,
            Traffic((WEB, WHATSAPP), 3.5, parent="everyday-banking"),
        ),
        DemoBot(
            "it-helpdesk",
            "IT Helpdesk",
            TOBIAS,
            Traffic((SLACK, TEAMS), 5, Rhythm.OFFICE, weekend=0.05, agents=3, transfers=0.08),
        ),
        DemoBot(
            "people-desk",
            "People Desk",
            TOBIAS,
            Traffic((TEAMS, SLACK), 2.5, Rhythm.OFFICE, weekend=0.05, launched=140, growth=0.8),
        ),
        DemoBot(
            "wealth-concierge",
            "Wealth Concierge",
            MARA,
            Traffic((WEB,), 2.5, Rhythm.OFFICE, weekend=0.0, launched=330, tests=1.0),
            status="in_development",
        ),
    ),
)

LENA = "lena.voss@lindenkamp.example"
LINDENKAMP = DemoWorkspace(
    slug="lindenkamp",
    name="Lindenkamp Versand",
    zone="Europe/Berlin",
    currency="EUR",
    people=(DemoPerson(LENA, "Lena Voß", "owner"),),
    bots=(
        DemoBot(
            "einkaufsberater",
            "Einkaufsberater",
            LENA,
            Traffic(
                (WEB, WHATSAPP),
                13,
                Rhythm.EVENING,
                weekend=1.3,
                season=0.6,
                agents=8,
                transfers=0.12,
            ),
        ),
        DemoBot(
            "bestellstatus",
            "Bestellstatus",
            LENA,
            Traffic((WHATSAPP, WEB), 9, Rhythm.EVENING, weekend=1.1, season=0.8, notified=15),
        ),
        DemoBot(
            "retouren",
            "Retouren",
            LENA,
            Traffic((WEB,), 4.5, Rhythm.EVENING, weekend=1.0, season=0.3, agents=4, transfers=0.15),
        ),
        DemoBot(
            "groessenberater",
            "Größenberater",
            LENA,
            Traffic((WEB,), 3.5, Rhythm.EVENING, weekend=1.4, launched=75, growth=1.2),
        ),
        DemoBot(
            "bestellhotline",
            "Bestellhotline",
            LENA,
            Traffic((PHONE,), 4, Rhythm.OFFICE, weekend=0.5, season=0.4, transfers=0.3),
        ),
        DemoBot(
            "treueclub",
            "Treueclub",
            LENA,
            Traffic((WHATSAPP,), 1.5, Rhythm.EVENING, weekend=1.2, subscribers=6, notified=8),
        ),
        DemoBot(
            "lieferanten",
            "Lieferantenportal",
            LENA,
            Traffic((TEAMS, WEB), 1, Rhythm.OFFICE, weekend=0.0),
        ),
        DemoBot(
            "filialsuche",
            "Filialsuche",
            LENA,
            Traffic((WEB,), 2, Rhythm.EVENING, weekend=1.2, growth=-0.3, stopped=300),
            status="suspended",
        ),
    ),
)

ARJUN = "arjun.kulkarni@sahyadri.example"
SAHYADRI = DemoWorkspace(
    slug="sahyadri-telecom",
    name="Sahyadri Telecom",
    zone="Asia/Kolkata",
    currency="USD",
    people=(DemoPerson(ARJUN, "Arjun Kulkarni", "owner"),),
    bots=(
        DemoBot(
            "customer-care",
            "Customer Care",
            ARJUN,
            Traffic((WHATSAPP, WEB), 16, weekend=0.9, growth=0.6, agents=10, transfers=0.14),
        ),
        DemoBot(
            "recharge",
            "Recharge",
            ARJUN,
            Traffic((WHATSAPP,), 10, Rhythm.EVENING, weekend=1.1, growth=0.5, notified=6),
        ),
        DemoBot(
            "broadband-setup",
            "Broadband Setup",
            ARJUN,
            Traffic((WEB, WHATSAPP), 4, agents=3, transfers=0.2, parent="customer-care"),
        ),
        DemoBot(
            "network-status",
            "Network Status",
            ARJUN,
            Traffic((WHATSAPP, WEB), 2.5, weekend=1.0, subscribers=14, notified=5),
        ),
        DemoBot(
            "care-line",
            "Care Line",
            ARJUN,
            Traffic((PHONE,), 7, weekend=0.8, growth=0.1, transfers=0.22),
        ),
        DemoBot(
            "dealer-desk",
            "Dealer Desk",
            ARJUN,
            Traffic((SLACK, TEAMS), 2, Rhythm.OFFICE, weekend=0.3, launched=200, growth=1.0),
        ),
        DemoBot(
            "store-locator",
            "Store Locator",
            ARJUN,
            Traffic((WEB, WHATSAPP), 2.5, parent="customer-care"),
        ),
    ),
)

CHITCHAT = DemoWorkspace(
    slug="chitchat",
    name="Chitchat (recorded conversations)",
    zone="UTC",
    currency="USD",
    people=(DemoPerson("owner@chitchat.example", "Robin Sayer", "owner"),),
)
CHITCHAT_BOT = "chitchat"

WORKSPACES = (LARKSPUR, LINDENKAMP, SAHYADRI, CHITCHAT)


def shift_months(day: date, months: int) -> date:
    """Return the day so many months later (or earlier), at most the 28th of its month."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, min(day.day, 28))
