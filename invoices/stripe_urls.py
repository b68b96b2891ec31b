"""Where Stripe reaches the console: of no workspace, and without a session."""

from django.urls import path

from invoices.views import stripe

app_name = "stripe"
urlpatterns = [path("stripe/events", stripe.take_event, name="events")]
