from decimal import Decimal
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

CURRENCIES = ("USD", "EUR")
# By plan: uses credits, most sessions and agents; fee; included and price of meters.
VERSIONS = {
    "standard": (True, None, None, "0", {"billing_sessions": (0, "0.20")}),
    "essential": (
        False,
        2000,
        10,
        "60",
        {"billing_sessions": (400, "0.18"), "agents": (0, "20")},
    ),
    "advanced": (
        False,
        None,
        None,
        "400",
        {"billing_sessions": (3000, "0.14"), "agents": (0, "35")},
    ),
}


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add the currencies and plans that an installation begins with."""
    alias = schema_editor.connection.alias

    def model(name: str) -> Any:  # a manager of a model of that time
        return apps.get_model("plans", name).objects.using(alias)

    for code in CURRENCIES:
        model("Currency").create(
            code=code,
            decimals=2,
            free_credits=500,
            free_days=90,
            top_up_from=100,
            top_up_to=20000,
            low_balance=50,
        )
    for place, name in enumerate(("Standard", "Essential", "Advanced"), 1):
        plan = model("Plan").create(code=name.lower(), name=name, place=place)
        uses_credits, most_sessions, most_agents, fee, meters = VERSIONS[plan.code]
        version = model("PlanVersion").create(
            plan=plan,
            number=1,
            uses_credits=uses_credits,
            most_sessions=most_sessions,
            most_agents=most_agents,
        )
        prices = {"": fee}
        for meter, (included, price) in meters.items():
            model("PlanMeter").create(version=version, meter=meter, included=included)
            prices[meter] = price
        for code in CURRENCIES:
            for meter, price in prices.items():
                model("Price").create(
                    version=version, currency_id=code, meter=meter, amount=Decimal(price)
                )
    model("Plan").create(code="enterprise", name="Enterprise", place=4, by_contract=True)


class Migration(migrations.Migration):
    dependencies = [("plans", "0002_rules_of_the_ledger")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
