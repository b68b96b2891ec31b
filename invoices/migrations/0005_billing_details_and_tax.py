import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_month_zone"),
        ("invoices", "0004_rules_of_lines"),
        ("plans", "0004_first_plans_of_bots"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BillingDetails",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("legal_name", models.CharField(max_length=200)),
                ("street", models.CharField(max_length=300)),
                ("postal_code", models.CharField(blank=True, max_length=20)),
                ("city", models.CharField(max_length=100)),
                ("region", models.CharField(blank=True, max_length=100)),
                ("country", models.CharField(max_length=2)),
                ("vat_id", models.CharField(blank=True, max_length=30)),
                ("purchase_order", models.CharField(blank=True, max_length=50)),
                (
                    "recipients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254), size=None
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SellerProfile",
            fields=[
                ("legal_name", models.CharField(max_length=200)),
                ("street", models.CharField(max_length=300)),
                ("postal_code", models.CharField(blank=True, max_length=20)),
                ("city", models.CharField(max_length=100)),
                ("region", models.CharField(blank=True, max_length=100)),
                ("country", models.CharField(max_length=2)),
                ("vat_id", models.CharField(blank=True, max_length=30)),
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("tax_number", models.CharField(blank=True, max_length=50)),
                ("register_number", models.CharField(blank=True, max_length=100)),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("registered", "registered"),
                            ("exempt", "exempt"),
                            ("unregistered", "unregistered"),
                        ],
                        max_length=12,
                    ),
                ),
                ("tax_rate", models.DecimalField(decimal_places=2, max_digits=5)),
                ("tax_reason", models.CharField(blank=True, max_length=200)),
                ("timezone", models.CharField(max_length=64)),
                ("email", models.EmailField(max_length=254)),
                ("bank_name", models.CharField(max_length=100)),
                ("bank_account", models.CharField(max_length=34)),
                ("bic", models.CharField(max_length=11)),
                ("payment_terms", models.CharField(max_length=500)),
                ("logo", models.CharField(blank=True, max_length=100)),
            ],
        ),
        migrations.AddField(
            model_name="order",
            name="tax_category",
            field=models.CharField(
                choices=[("S", "S"), ("Z", "Z"), ("E", "E"), ("AE", "AE"), ("O", "O"), ("G", "G")],
                default="O",
                max_length=2,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="order",
            name="tax_code",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name="order",
            name="tax_rate",
            field=models.DecimalField(decimal_places=2, default="0", max_digits=5),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="order",
            name="tax_reason",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("tax_category", "S"), ("tax_rate__gt", 0)),
                    models.Q(
                        ("tax", 0),
                        (
                            "tax_category__in",
                            [
                                "AE",
                                "E",
                                "G",
                                "O",
                                "Z",
                            ],
                        ),
                        ("tax_rate", 0),
                    ),
                    _connector="OR",
                ),
                name="order_taxed",
            ),
        ),
        migrations.AddField(
            model_name="billingdetails",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
            ),
        ),
        migrations.AddField(
            model_name="sellerprofile",
            name="tax_currency",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="plans.currency"
            ),
        ),
        migrations.AddConstraint(
            model_name="billingdetails",
            constraint=models.UniqueConstraint(models.F("workspace"), name="billing_details_once"),
        ),
        migrations.AddConstraint(
            model_name="billingdetails",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("country__regex", "^[A-Z]{2}$"),
                    models.Q(("legal_name", ""), _negated=True),
                    models.Q(("street", ""), _negated=True),
                    models.Q(("city", ""), _negated=True),
                    ("recipients__len__gte", 1),
                ),
                name="billing_details_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="sellerprofile",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="seller_once"),
        ),
        migrations.AddConstraint(
            model_name="sellerprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("country__regex", "^[A-Z]{2}$"),
                    models.Q(("legal_name", ""), _negated=True),
                    models.Q(("street", ""), _negated=True),
                    models.Q(("city", ""), _negated=True),
                    models.Q(("email", ""), _negated=True),
                    models.Q(("bank_name", ""), _negated=True),
                    models.Q(("bank_account", ""), _negated=True),
                    models.Q(("bic", ""), _negated=True),
                    models.Q(("payment_terms", ""), _negated=True),
                ),
                name="seller_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="sellerprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("standing", "registered"),
                        ("tax_rate__gte", 0),
                        models.Q(("vat_id", ""), _negated=True),
                    ),
                    models.Q(
                        (
                            "standing__in",
                            [
                                "exempt",
                                "unregistered",
                            ],
                        ),
                        ("tax_rate", 0),
                        models.Q(("tax_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="seller_taxed",
            ),
        ),
    ]
