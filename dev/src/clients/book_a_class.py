"""Books a class with a client that openapi-python-client derives from the API description."""

import os
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from uuid import uuid4

from sabor_client import AuthenticatedClient, Client
from sabor_client.api.auth import sign_in
from sabor_client.api.bookings import cancel_booking, create_booking, list_bookings
from sabor_client.api.classes import list_schedule
from sabor_client.models import (
    Booking,
    BookingList,
    BookingStatus,
    CancelBooking,
    CreateBooking,
    ErrorCode,
    ErrorResponse,
    ListBookingsWhen,
    OccurrenceList,
    SessionMode,
    SignIn,
    SignInResponse,
)

T = TypeVar("T")


def expect(kind: type[T], response: object) -> T:
    """Returns the response if it has the expected type."""
    assert isinstance(response, kind), response
    return response


url = os.environ["SABOR_URL"]
email = os.environ["SABOR_EMAIL"]
password = os.environ["SABOR_PASSWORD"]
visitor = Client(base_url=url)

wrong = SignIn(email=email, password="wrong", mode=SessionMode.TOKEN)
rejected = sign_in.sync_detailed(client=visitor, body=wrong)
assert rejected.status_code == HTTPStatus.UNAUTHORIZED
assert expect(ErrorResponse, rejected.parsed).code is ErrorCode.INVALID_CREDENTIALS

credentials = SignIn(email=email, password=password, mode=SessionMode.TOKEN)
signed_in = expect(SignInResponse, sign_in.sync(client=visitor, body=credentials))
assert signed_in.user.email == email
sabor = AuthenticatedClient(base_url=url, token=expect(str, signed_in.access_token))

schedule = expect(OccurrenceList, list_schedule.sync(client=visitor, limit=100))
# The schedule begins with classes that go on now.
free = next(
    item
    for item in schedule.items
    if item.places_left > 0 and not item.is_cancelled and item.start_time > datetime.now(UTC)
)

new_booking = CreateBooking(scheduled_class_id=free.id)
booking = expect(
    Booking, create_booking.sync(client=sabor, body=new_booking, idempotency_key=str(uuid4()))
)
assert booking.status is BookingStatus.BOOKED
assert booking.class_.title == free.title
assert booking.payment_status is None

again = expect(ErrorResponse, create_booking.sync(client=sabor, body=new_booking))
assert again.code is ErrorCode.ALREADY_BOOKED

upcoming = expect(BookingList, list_bookings.sync(client=sabor, when=ListBookingsWhen.UPCOMING))
assert upcoming.next_cursor is None
assert booking.id in [item.id for item in upcoming.items]

cancellation = CancelBooking(booking_id=booking.id)
cancelled = expect(Booking, cancel_booking.sync(client=sabor, body=cancellation))
assert cancelled.status is BookingStatus.CANCELLED
