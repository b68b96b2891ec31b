"""Addresses of the sandbox, which is of no workspace and needs no session."""

from django.urls import path

from invoices.views import sandbox

app_name = "sandbox"
urlpatterns = [
    path("sandbox/pay/<str:token>", sandbox.pay, name="pay"),
    path("sandbox/save/<str:token>", sandbox.save, name="save"),
    path("sandbox/answers", sandbox.take_answer, name="answers"),
]
