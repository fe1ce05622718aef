"""Hooks that give Schemathesis sessions, client addresses and IDs of existing rows.

`cargo dev schemathesis` runs Schemathesis once for each role, which loads this file.
"""

import atexit
import collections
import functools
import itertools
import json
import os
import random
import re

import jsonschema_rs
import requests
import schemathesis

SETTINGS = json.loads(os.environ["SABOR_SCHEMATHESIS"])
ORIGIN = SETTINGS["origin"]

# The kind of object that an ID belongs to, by the path of the response and by the
# field's name.
KIND_BY_PATH = {
    "/api/admin/accounts": "account",
    "/api/admin/apps": "app",
    "/api/admin/bookings": "booking",
    "/api/admin/classes": "class type",
    "/api/admin/closures": "closure",
    "/api/admin/contacts": "message",
    "/api/admin/failed-refunds": "failed refund",
    "/api/admin/instructors": "instructor",
    "/api/admin/members": "member",
    "/api/admin/memberships": "membership",
    "/api/admin/orders": "order",
    "/api/admin/passes": "pass",
    "/api/admin/products": "product",
    "/api/admin/promo-codes": "promo code",
    "/api/admin/rooms": "room",
    "/api/admin/schedule": "weekly class",
    "/api/admin/users": "member",
    "/api/bookings/create": "booking",
    "/api/bookings/list": "booking",
    "/api/classes/details": "class type",
    "/api/classes/list": "class type",
    "/api/classes/schedule": "occurrence",
    "/api/shop/order": "order",
    "/api/shop/passes": "pass",
    "/api/shop/products": "product",
    "/api/sessions": "session",
    "/api/sessions/{id}": "session",
}
KIND_BY_FIELD = {
    "accountId": "account",
    "bookingId": "booking",
    "bookingIds": "booking",
    "classIds": "occurrence",
    "classType": "class type",
    "classTypeId": "class type",
    "classTypeIds": "class type",
    "courseId": "product",
    "ids": "occurrence",
    "instructor": "instructor",
    "instructorId": "instructor",
    "occurrence": "occurrence",
    "occurrenceId": "occurrence",
    "membershipId": "membership",
    "orderId": "order",
    "passId": "pass",
    "patternId": "weekly class",
    "productId": "product",
    "productIds": "product",
    "refundId": "failed refund",
    "revokePassIds": "pass",
    "scheduledClassId": "occurrence",
    "user": "member",
    "userId": "member",
}
ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Each run starts at different addresses.
addresses = itertools.count(SETTINGS["seed"] % 1000 * 10_000 + 1)
known = collections.defaultdict(list)
choice = random.Random(SETTINGS["seed"])
responses = collections.defaultdict(collections.Counter)


def next_address():
    """Return a new client address, so that the rate limit has no effect."""
    number = next(addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Browser:
    """Signs in with the accounts of the role. Each is used until its sign-in fails."""

    def __init__(self):
        self.accounts = collections.deque(SETTINGS["accounts"])
        self.cookie = None

    def sign_in(self):
        while self.accounts:
            form = {"email": self.accounts[0], "password": SETTINGS["password"]}
            response = requests.post(
                SETTINGS["url"] + "/api/auth/login",
                json=form,
                headers={"origin": ORIGIN, "x-real-ip": next_address()},
                timeout=30,
            )
            if response.status_code == 200:
                self.cookie = response.headers["set-cookie"].split(";")[0]
                return
            # The account was closed meanwhile, or its password changed.
            self.accounts.popleft()
        raise RuntimeError("no account of this role can sign in any more")


browser = Browser()


@schemathesis.auth(refresh_interval=None)
class Caller:
    """Authenticates with the role's session, or with what the operation needs instead."""

    def get(self, case, context):
        schemes = {name for scheme in case.operation.definition.raw.get("security", []) for name in scheme}
        if SETTINGS["accounts"] and "session" in schemes:
            if browser.cookie is None:
                browser.sign_in()
            return {"cookie": browser.cookie, "origin": ORIGIN}
        if SETTINGS["accounts"] and "partner" in schemes:
            return {"authorization": SETTINGS["partner"]}
        if SETTINGS["isAdmin"] and "cron" in schemes:
            return {"authorization": SETTINGS["cron"]}
        return None

    def set(self, case, data, context):
        case.headers.update(data or {})


def is_json(response):
    return any("json" in kind for kind in response.headers.get("content-type", []))


def each_id(value, kind):
    """Yield every ID in `value` with its kind and a function that replaces it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        inner_kind = kind if isinstance(value, list) else KIND_BY_FIELD.get(key, kind)
        if isinstance(inner, (dict, list)):
            yield from each_id(inner, inner_kind)
        elif isinstance(inner, str) and ID.fullmatch(inner) and (key == "id" or key in KIND_BY_FIELD):
            yield inner_kind, inner, functools.partial(value.__setitem__, key)


def with_known_ids(context, part):
    """Replace about half of the IDs with those of existing rows."""
    if isinstance(part, dict):
        kind = KIND_BY_PATH.get(context.operation.path)
        for id_kind, _, replace in each_id(part, kind):
            if known[id_kind] and choice.random() < 0.5:
                replace(choice.choice(known[id_kind]))
    return part


@schemathesis.hook
def map_body(context, body):
    return with_known_ids(context, body)


@schemathesis.hook
def map_query(context, query):
    return with_known_ids(context, query)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return with_known_ids(context, path_parameters)


@schemathesis.hook
def filter_body(context, body):
    # The functions trim texts, which no schema can express.
    return all(text == text.strip() for text in texts(body))


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # An empty parameter counts as missing. utoipa cannot declare `allowEmptyValue`.
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and not parameter.get("required"):
                    parameter["allowEmptyValue"] = True
    require_headers(raw_schema)
    check_examples(raw_schema, raw_schema["components"])


def require_headers(value):
    """Declare all response headers as required."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if name == "headers" and isinstance(inner, dict):
            for header in inner.values():
                header["required"] = True
        elif isinstance(inner, (dict, list)):
            require_headers(inner)


def check_examples(value, components):
    """Validate all examples against their schemas."""
    if isinstance(value, dict) and "schema" in value and "example" in value:
        schema = {**value["schema"], "components": components}
        jsonschema_rs.validate(schema, value["example"])
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            check_examples(inner, components)


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["x-real-ip"] = next_address()


@schemathesis.hook
def after_call(context, case, response):
    responses[case.operation.label][str(response.status_code)] += 1
    if response.status_code < 300 and is_json(response):
        for kind, found, _ in each_id([response.json()], KIND_BY_PATH.get(case.path)):
            if found not in known[kind]:
                known[kind].append(found)
    # The session was signed out, its account closed, or its password changed.
    sent = response.request.headers.get("cookie", "")
    if response.status_code == 401 and browser.cookie and browser.cookie in sent:
        browser.cookie = None


@atexit.register
def write_responses():
    with open(SETTINGS["responses"], "w", encoding="utf-8") as file:
        json.dump(responses, file)
