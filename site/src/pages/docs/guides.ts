// The samples of the guides, in the order in which they are run. They use the demo data of
// `cargo dev`. A test runs them.

import type { Variant } from "./code.tsx";

/** Returns a sample for the address of the studio. */
type Sample = (site: string) => Variant[];

const PARTNER_SECRET = `${"5ab012".repeat(10)}5ab0`;

function sample(curl: string, script?: string): Sample {
  const variants = [{ name: "curl", code: curl }, ...(script ? [{ name: "JavaScript", code: script }] : [])];
  return (site) => variants.map(({ name, code }) => ({ name, code: code.replaceAll("SITE", site) }));
}

/** Signs in as Ana. The later samples of a guide use its variables. */
const signInWithToken = sample(
  `site=SITE
json='content-type: application/json'
token=$(curl -s $site/api/auth/login -H "$json" \\
  -d '{"email":"ana@sabor.dev","password":"password123","mode":"token"}' |
  sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')`,
  `const site = "SITE";
let token;

async function send(method, path, body) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = \`Bearer \${token}\`;
  const response = await fetch(site + path, { method, headers, body: JSON.stringify(body) });
  return response.json();
}

const signedIn = await send("POST", "/api/auth/login", {
  email: "ana@sabor.dev",
  password: "password123",
  mode: "token",
});
token = signedIn.accessToken;`,
);

const findClass = sample(
  `class=$(curl -s $site/api/classes/schedule | grep -o '{"id"[^}]*}[^}]*}' |
  grep '"placesLeft":[1-9]' | tail -1 | cut -d'"' -f4)
echo $class`,
  `const schedule = await send("GET", "/api/classes/schedule");
const danceClass = schedule.items.filter(({ placesLeft }) => placesLeft > 0).at(-1);
console.log(danceClass.title, danceClass.localDate, danceClass.localTime);`,
);

const book = sample(
  `key=$(date +%s)
booking=$(curl -s $site/api/bookings/create -H "authorization: Bearer $token" -H "$json" \\
  -H "idempotency-key: $key" -d "{\\"scheduledClassId\\":\\"$class\\"}" |
  grep -o '"id":"[^"]*' | cut -d'"' -f4)
echo $booking`,
  `const booking = await send("POST", "/api/bookings/create", { scheduledClassId: danceClass.id });
console.log(booking.status, booking.freeCancellationUntil);`,
);

const cancel = sample(
  `curl $site/api/bookings/cancel -H "authorization: Bearer $token" -H "$json" \\
  -d "{\\"bookingId\\":\\"$booking\\",\\"reason\\":\\"A cold\\"}"`,
  `const cancelled = await send("POST", "/api/bookings/cancel", { bookingId: booking.id, reason: "A cold" });
console.log(cancelled.status, cancelled.lateCancellation);`,
);

/** The sections of each guide, with their samples. */
export const GUIDES = {
  signIn: {
    token: signInWithToken,
    use: sample(
      `curl $site/api/auth/me -H "authorization: Bearer $token"`,
      `const profile = await send("GET", "/api/auth/me");
console.log(profile.email);`,
    ),
    refresh: sample(
      `refresh=$(curl -s $site/api/auth/login -H "$json" \\
  -d '{"email":"ana@sabor.dev","password":"password123","mode":"token"}' |
  sed 's/.*"refreshToken":"\\([^"]*\\)".*/\\1/')
curl $site/api/auth/refresh -H "$json" -d "{\\"refreshToken\\":\\"$refresh\\"}"`,
      `const next = await send("POST", "/api/auth/refresh", { refreshToken: signedIn.refreshToken });
token = next.accessToken;`,
    ),
    cookie: sample(
      `curl -c jar $site/api/auth/login -H "$json" \\
  -d '{"email":"ana@sabor.dev","password":"password123"}'
curl -b jar $site/api/auth/session`,
    ),
    secondFactor: null,
    signOut: sample(
      `curl -b jar $site/api/auth/logout -H "$json" -H "origin: $site" -d '{}'`,
      `await send("POST", "/api/auth/logout", { refreshToken: next.refreshToken });`,
    ),
  },
  bookAClass: {
    signIn: signInWithToken,
    find: findClass,
    book,
    list: sample(
      `curl "$site/api/bookings/list?when=upcoming" -H "authorization: Bearer $token"`,
      `const bookings = await send("GET", "/api/bookings/list?when=upcoming");
console.log(bookings.items.map((one) => one.class.title));`,
    ),
    follow: sample(
      `curl "$site/api/events?limit=5" -H "authorization: Bearer $token"`,
      `const events = await send("GET", "/api/events?limit=5");
console.log(events.items.map(({ kind }) => kind));`,
    ),
    cancel,
  },
  payments: {
    methods: sample(
      `site=SITE
curl $site/api/studio`,
      `const studio = await (await fetch("SITE/api/studio")).json();
console.log(studio.paymentMethods);`,
    ),
    signIn: signInWithToken,
    book: sample(
      `${findClass("SITE")[0]?.code ?? ""}
${book("SITE")[0]?.code ?? ""}`,
      `${findClass("SITE")[1]?.code ?? ""}
${book("SITE")[1]?.code ?? ""}`,
    ),
    start: sample(
      `curl $site/api/bookings/payment -H "authorization: Bearer $token" -H "$json" \\
  -d "{\\"bookingId\\":\\"$booking\\",\\"method\\":\\"desk\\"}"`,
      `const payment = await send("POST", "/api/bookings/payment", { bookingId: booking.id, method: "desk" });
console.log(payment);`,
    ),
    card: null,
    follow: sample(
      `curl "$site/api/bookings/payment?bookingId=$booking" -H "authorization: Bearer $token"`,
      `const latest = await send("GET", \`/api/bookings/payment?bookingId=\${booking.id}\`);
console.log(latest.payment.status);`,
    ),
    refund: cancel,
  },
  partnerApplications: {
    register: null,
    request: sample(
      `site=SITE
json='content-type: application/json'
curl -s -c jar $site/api/auth/login -H "$json" \\
  -d '{"email":"ana@sabor.dev","password":"password123"}'
token=$(curl -s -b jar $site/api/cross-app/token -H "$json" -H "origin: $site" \\
  -d '{"targetApp":"ticket-shop"}' | sed 's/.*"token":"\\([0-9a-f]*\\)".*/\\1/')`,
    ),
    validate: sample(
      `secret=${PARTNER_SECRET}
curl -u ticket-shop:$secret $site/api/cross-app/validate -H "$json" -d "{\\"token\\":\\"$token\\"}"`,
    ),
    browser: null,
    revoke: sample(`curl -u ticket-shop:$secret $site/api/cross-app/revoke -H "$json" -d "{\\"token\\":\\"$token\\"}"`),
  },
} as const satisfies Record<string, Record<string, Sample | null>>;

export type GuideName = keyof typeof GUIDES;

/** The texts of a guide. */
export interface GuideTexts<Section extends string = string> {
  title: string;
  lead: string;
  sections: Readonly<Record<Section, { heading: string; text: string }>>;
}

/** The texts of all guides. A missing section does not compile. */
export type AllGuideTexts = { [Name in GuideName]: GuideTexts<Extract<keyof (typeof GUIDES)[Name], string>> };
