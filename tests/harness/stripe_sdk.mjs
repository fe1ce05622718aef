// Signs a webhook payload with Stripe's official SDK.
//
// Input: { payload, secret, timestamp } as JSON on stdin. Output: the value of
// the Stripe-Signature header.

import { text } from 'node:stream/consumers';
import Stripe from 'stripe';

const { payload, secret, timestamp } = JSON.parse(await text(process.stdin));
const stripe = new Stripe('sk_test_unused');
process.stdout.write(stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }));
