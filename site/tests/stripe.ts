// A stand-in for Stripe: Checkout Sessions, subscriptions, the page on which a member pays, the event
// that reports the payment, and a balance. Its responses have the shapes of Stripe's API reference.

import { createHmac, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const SECRET_KEY = "sk_test_site";
const WEBHOOK_SECRET = "whsec_site";

interface CheckoutSession {
  id: string;
  object: "checkout.session";
  amount_total: number;
  currency: string;
  cancel_url: string;
  success_url: string;
  metadata: Record<string, string>;
  payment_intent: string | null;
  payment_status: "paid" | "unpaid";
  status: "open" | "complete" | "expired";
  subscription: string | null;
  /** The period of a subscription, such as "month". Null for one payment. */
  interval: string | null;
  url: string | null;
  expires_at: number;
}

/** The price of what cannot be refunded. */
export const UNREFUNDABLE_PRICE = "13.13";

/** The refund that is created with a form. It is done at once, or it has failed for good. */
function refundOf(form: URLSearchParams): Record<string, unknown> {
  const isUnrefundable = Number(form.get("amount")) === Number(UNREFUNDABLE_PRICE) * 100;
  return {
    id: `re_${randomBytes(12).toString("hex")}`,
    object: "refund",
    amount: Number(form.get("amount")),
    currency: "usd",
    metadata: { payment_id: form.get("metadata[payment_id]"), refund_id: form.get("metadata[refund_id]") },
    payment_intent: form.get("payment_intent"),
    status: isUnrefundable ? "canceled" : "succeeded",
    ...(isUnrefundable ? { failure_reason: "expired_or_canceled_card" } : {}),
  };
}

const DAY_SECONDS = 86_400;

/** The subscription that a session has started, whose first period is paid. */
function subscriptionOf({ amount_total, currency, interval, metadata }: CheckoutSession, id: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  const period = { current_period_start: now, current_period_end: now + (interval === "week" ? 7 : interval === "month" ? 30 : 365) * DAY_SECONDS };
  return {
    id,
    object: "subscription",
    billing_cycle_anchor: now,
    cancel_at: null,
    cancel_at_period_end: false,
    currency,
    customer: id.replace("sub_", "cus_"),
    items: { object: "list", data: [{ object: "subscription_item", ...period, price: { unit_amount: amount_total } }], has_more: false },
    metadata,
    pause_collection: null,
    status: "active",
  };
}

/** The invoice for the first period of a subscription. */
function invoiceOf(subscription: Record<string, unknown>): Record<string, unknown> {
  const [item] = (subscription["items"] as { data: Array<Record<string, any>> }).data;
  const id = String(subscription["id"]).replace("sub_", "in_");
  const payment = { payment_intent: id.replace("in_", "pi_"), type: "payment_intent" };
  return {
    id,
    object: "invoice",
    amount_paid: item?.["price"].unit_amount,
    attempt_count: 1,
    currency: subscription["currency"],
    lines: {
      object: "list",
      data: [{ object: "line_item", parent: { subscription_item_details: { proration: false } }, period: { start: item?.["current_period_start"], end: item?.["current_period_end"] } }],
      has_more: false,
    },
    parent: { subscription_details: { subscription: subscription["id"] } },
    payments: { object: "list", data: [{ object: "invoice_payment", invoice: id, payment, status: "paid" }], has_more: false },
    status: "paid",
  };
}

/** A charge that was not made with Sabor. */
export const FOREIGN_CHARGE = "ch_elsewhere";

/** The balance of an account that was used before: a charge, of which Stripe has kept 1.52, and its payout. */
function balanceOf(query: URLSearchParams): unknown {
  const now = Math.floor(Date.now() / 1000);
  const payout = { id: "po_site", object: "payout", amount: 4048, arrival_date: now, automatic: true };
  const entry = (id: string, type: string, amount: number, fee: number, source: unknown) => ({
    id,
    object: "balance_transaction",
    amount,
    created: now - 60,
    currency: "usd",
    fee,
    net: amount - fee,
    reporting_category: type,
    source,
    type,
  });
  const data = [entry("txn_site_2", "payout", -4048, 0, payout), entry("txn_site_1", "charge", 4200, 152, { id: FOREIGN_CHARGE, object: "charge", payment_intent: "pi_elsewhere" })];
  return { object: "list", data: query.has("starting_after") ? [] : data, has_more: false };
}

/** The page on which a member pays, or goes back. */
const CHECKOUT_PAGE = `<!doctype html>
<html lang="en"><title>Checkout</title><link rel="icon" href="data:,"><h1>Checkout</h1>
<form method="post"><button name="answer" value="pay">Pay</button> <button name="answer" value="back">Back</button></form>`;

/** Changes a subscription as a request asks. */
function change(subscription: Record<string, unknown>, method: string, form: URLSearchParams): Record<string, unknown> {
  if (method === "DELETE") subscription["status"] = "canceled";
  if (method === "POST") subscription["cancel_at_period_end"] = form.get("cancel_at_period_end") === "true";
  return subscription;
}

export class StripeStandIn {
  readonly #sessions = new Map<string, CheckoutSession>();
  readonly #subscriptions = new Map<string, Record<string, unknown>>();
  readonly #server: Server;
  /** The site, which receives the events. Known after it has started. */
  site = "";

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  static async start(): Promise<StripeStandIn> {
    const standIn = new StripeStandIn();
    await new Promise<void>((resolve) => standIn.#server.listen(0, "127.0.0.1", resolve));
    return standIn;
  }

  /** The configuration of a stack that uses this stand-in. */
  get variables(): Record<string, string> {
    return { STRIPE_SECRET_KEY: SECRET_KEY, STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET, STRIPE_API_BASE: this.#url };
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get #url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.#url);
    const form = new URLSearchParams(await text(request));
    const [, id] = /^\/pay\/(.+)$/.exec(pathname) ?? [];
    if (id) return this.#checkout(request.method ?? "GET", this.#sessions.get(id), form, response);
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${SECRET_KEY}`) return json(401, { error: { type: "invalid_request_error" } });
    const [, wanted, action] = /^\/v1\/checkout\/sessions(?:\/([^/]+))?(?:\/(expire))?$/.exec(pathname) ?? [];
    if (request.method === "POST" && pathname === "/v1/checkout/sessions") return json(200, this.#create(form));
    const session = this.#sessions.get(wanted ?? "");
    if (session && action === "expire" && session.status === "open") {
      Object.assign(session, { status: "expired", url: null });
      return json(200, session);
    }
    if (session && request.method === "GET") return json(200, session);
    if (request.method === "GET" && pathname === "/v1/invoices") {
      const billed = this.#subscriptions.get(searchParams.get("subscription") ?? "");
      return json(200, { object: "list", data: billed ? [invoiceOf(billed)] : [], has_more: false });
    }
    if (request.method === "POST" && pathname === "/v1/billing_portal/sessions") return json(200, { object: "billing_portal.session", url: form.get("return_url") + "?portal=1" });
    const subscription = this.#subscriptions.get(/^\/v1\/subscriptions\/([^/]+)$/.exec(pathname)?.[1] ?? "");
    if (subscription) return json(200, change(subscription, request.method ?? "GET", form));
    if (request.method === "POST" && pathname === "/v1/refunds") return json(200, refundOf(form));
    if (request.method === "GET" && ["/v1/refunds", "/v1/disputes"].includes(pathname)) return json(200, { object: "list", data: [], has_more: false });
    if (request.method === "GET" && pathname === "/v1/balance_transactions") return json(200, balanceOf(searchParams));
    json(404, { error: { type: "invalid_request_error", code: "resource_missing" } });
  }

  #create(form: URLSearchParams): CheckoutSession {
    const field = (name: string) => form.get(name) ?? "";
    const id = `cs_test_${randomBytes(12).toString("hex")}`;
    const session: CheckoutSession = {
      id,
      object: "checkout.session",
      amount_total: Number(field("line_items[0][price_data][unit_amount]")),
      currency: field("line_items[0][price_data][currency]"),
      cancel_url: field("cancel_url"),
      success_url: field("success_url"),
      metadata: form.has("metadata[payment_id]") ? { payment_id: field("metadata[payment_id]") } : { membership_id: field("metadata[membership_id]") },
      payment_intent: null,
      payment_status: "unpaid",
      status: "open",
      subscription: null,
      interval: form.get("line_items[0][price_data][recurring][interval]"),
      url: `${this.#url}/pay/${id}`,
      expires_at: Number(field("expires_at")),
    };
    this.#sessions.set(id, session);
    return session;
  }

  /** Shows the page, or leads back to the site. The event follows the member. */
  async #checkout(method: string, session: CheckoutSession | undefined, form: URLSearchParams, response: ServerResponse): Promise<void> {
    if (!session) {
      response.writeHead(404).end();
      return;
    }
    if (method === "GET") {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "referrer-policy": "origin" }).end(CHECKOUT_PAGE);
      return;
    }
    const isPaid = form.get("answer") === "pay";
    response.writeHead(303, { location: isPaid ? session.success_url : session.cancel_url }).end();
    if (!isPaid) return;
    Object.assign(session, { payment_status: "paid", status: "complete", url: null });
    if (session.interval) {
      session.subscription = session.id.replace("cs_test_", "sub_");
      this.#subscriptions.set(session.subscription, subscriptionOf(session, session.subscription));
    } else {
      session.payment_intent = session.id.replace("cs_", "pi_");
    }
    await this.#report("checkout.session.completed", session);
  }

  async #report(type: string, object: CheckoutSession): Promise<void> {
    const time = Math.floor(Date.now() / 1000);
    const event = { id: `evt_${randomBytes(12).toString("hex")}`, object: "event", created: time, data: { object }, livemode: false, type };
    const body = JSON.stringify(event);
    const signature = createHmac("sha256", WEBHOOK_SECRET).update(`${time}.${body}`).digest("hex");
    const headers = { "content-type": "application/json", "stripe-signature": `t=${time},v1=${signature}` };
    const response = await fetch(`${this.site}/api/payments/webhook`, { method: "POST", body, headers });
    if (!response.ok) throw new Error(`the response to the event was ${response.status}`);
  }
}
