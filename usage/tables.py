"""Tables of usage."""

import django_tables2 as tables

from accounts.tables import NUMBER


class BotTable(tables.Table):
    """Bots with their totals: one `BotTotals` a row."""

    name = tables.Column(accessor="bot__name", verbose_name="Bot")
    key = tables.Column(accessor="bot__key", verbose_name="Key")
    status = tables.Column(accessor="bot__get_publish_status_display", verbose_name="Status")
    billing_sessions = tables.Column(verbose_name="Sessions this month", attrs=NUMBER)
    voice_sessions = tables.Column(verbose_name="Voice sessions this month", attrs=NUMBER)
    all_billing_sessions = tables.Column(verbose_name="Sessions in all", attrs=NUMBER)
