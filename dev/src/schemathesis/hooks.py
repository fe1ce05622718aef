"""What Schemathesis cannot know: who asks, from where, and that a session ends.

Loaded by Schemathesis, which `cargo dev schemathesis` starts once for each role.
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

# What an id is an id of: by where it was answered, and by the field it stands in.
OF_PATHS = {
    "/api/admin/accounts": "account",
    "/api/admin/apps": "app",
    "/api/admin/bookings": "booking",
    "/api/admin/classes": "class type",
    "/api/admin/contacts": "message",
    "/api/admin/instructors": "instructor",
    "/api/admin/schedule": "pattern",
    "/api/admin/users": "member",
    "/api/bookings/create": "booking",
    "/api/bookings/list": "booking",
    "/api/classes/details": "class type",
    "/api/classes/list": "class type",
    "/api/classes/schedule": "class",
    "/api/sessions": "session",
    "/api/sessions/{id}": "session",
}
OF_FIELDS = {
    "accountId": "account",
    "bookingId": "booking",
    "classType": "class type",
    "classTypeId": "class type",
    "ids": "class",
    "instructor": "instructor",
    "instructorId": "instructor",
    "occurrence": "class",
    "occurrenceId": "class",
    "patternId": "pattern",
    "scheduledClassId": "class",
    "user": "member",
    "userId": "member",
}
ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Each run begins where no other has been.
addresses = itertools.count(SETTINGS["seed"] % 1000 * 10_000 + 1)
known = collections.defaultdict(list)
choice = random.Random(SETTINGS["seed"])
answers = collections.defaultdict(collections.Counter)


def next_address():
    """A client of its own, lest the throttle is what is tested."""
    number = next(addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Browser:
    """Signs in with an account of the role, again and again while that works."""

    def __init__(self):
        self.accounts = collections.deque(SETTINGS["accounts"])
        self.cookie = None

    def sign_in(self):
        while self.accounts:
            form = {"email": self.accounts[0], "password": SETTINGS["password"]}
            answer = requests.post(
                SETTINGS["url"] + "/api/auth/login",
                json=form,
                headers={"origin": ORIGIN, "x-real-ip": next_address()},
                timeout=30,
            )
            if answer.status_code == 200:
                self.cookie = answer.headers["set-cookie"].split(";")[0]
                return
            # It has been closed meanwhile, or has another password.
            self.accounts.popleft()
        raise RuntimeError("no account of this role signs in any more")


browser = Browser()


@schemathesis.auth(refresh_interval=None)
class Caller:
    """The role's session, or what an operation asks for instead of one."""

    def get(self, case, context):
        ways = {name for way in case.operation.definition.raw.get("security", []) for name in way}
        if SETTINGS["accounts"] and "session" in ways:
            if browser.cookie is None:
                browser.sign_in()
            return {"cookie": browser.cookie, "origin": ORIGIN}
        if SETTINGS["accounts"] and "partner" in ways:
            return {"authorization": SETTINGS["partner"]}
        if SETTINGS["isAdmin"] and "cron" in ways:
            return {"authorization": SETTINGS["cron"]}
        return None

    def set(self, case, data, context):
        case.headers.update(data or {})


def is_json(response):
    return any("json" in kind for kind in response.headers.get("content-type", []))


def each_id(value, kind):
    """Every id in `value`, with what it is an id of, and a way to replace it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        of = kind if isinstance(value, list) else OF_FIELDS.get(key, kind)
        if isinstance(inner, (dict, list)):
            yield from each_id(inner, of)
        elif isinstance(inner, str) and ID.fullmatch(inner) and (key == "id" or key in OF_FIELDS):
            yield of, inner, functools.partial(value.__setitem__, key)


def with_known_ids(context, part):
    """Asks, every other time, for something that there is."""
    if isinstance(part, dict):
        kind = OF_PATHS.get(context.operation.path)
        for of, _, replace in each_id(part, kind):
            if known[of] and choice.random() < 0.5:
                replace(choice.choice(known[of]))
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
    # Blanks at the ends of a text do not count, which no schema can say.
    return all(text == text.strip() for text in texts(body))


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # Such a parameter counts as left out; the library that the description is
    # made with does not know the word for it.
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and not parameter.get("required"):
                    parameter["allowEmptyValue"] = True
    require_headers(raw_schema)
    check_examples(raw_schema, raw_schema["components"])


def require_headers(value):
    """What is said of an answer's headers is to be so of each such answer."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if name == "headers" and isinstance(inner, dict):
            for header in inner.values():
                header["required"] = True
        elif isinstance(inner, (dict, list)):
            require_headers(inner)


def check_examples(value, components):
    """Examples of requests are sent; those of answers have to fit as well."""
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
    answers[case.operation.label][str(response.status_code)] += 1
    if response.status_code < 300 and is_json(response):
        for of, found, _ in each_id([response.json()], OF_PATHS.get(case.path)):
            if found not in known[of]:
                known[of].append(found)
    # It signed itself out, closed its account, or has another password now.
    sent = response.request.headers.get("cookie", "")
    if response.status_code == 401 and browser.cookie and browser.cookie in sent:
        browser.cookie = None


@atexit.register
def tell():
    with open(SETTINGS["answers"], "w", encoding="utf-8") as file:
        json.dump(answers, file)
