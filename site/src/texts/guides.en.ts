// The guides for developers in English.

import type { AllGuideTexts } from "../pages/docs/guides.ts";

const texts: AllGuideTexts = {
  signIn: {
    title: "Sign in",
    lead: "Browsers are signed in with a cookie. Every other client signs in with tokens. The samples use the demo accounts of `cargo dev`; paste them one after another.",
    sections: {
      token: {
        heading: "Get a token",
        text: "With `mode: \"token\"` the response has an access token and a refresh token. The access token is valid for 15 minutes.",
      },
      use: {
        heading: "Send it with each request",
        text: "Put the access token into the `authorization` header. Without a valid token the response is 401 with [`not_signed_in`](/docs/errors#not_signed_in).",
      },
      refresh: {
        heading: "Get the next token",
        text: "Before the access token ends, exchange the refresh token for a new pair. Each refresh token works once. If the response is lost, the same client can repeat the request, and gets the same new token until that token is used. Any other use of the old token ends the session, because somebody may have stolen it. The response is then 401 with [`refresh_token_refused`](/docs/errors#refresh_token_refused).",
      },
      cookie: {
        heading: "Use a cookie in a browser",
        text: "Without `mode` the response sets a cookie that scripts cannot read. Requests that change something must come from a page of the studio. Otherwise the response is 403 with [`foreign_origin`](/docs/errors#foreign_origin). With `remember`, the session lasts for at most thirty days, or seven days without use.",
      },
      secondFactor: {
        heading: "Ask for the second factor",
        text: "If the account has a second factor, the response is 401 with [`two_factor_required`](/docs/errors#two_factor_required) and a `challenge`. Ask for the code of the authenticator app, and send `challenge` and `code` to the same address. `code` can also be a recovery code.",
      },
      signOut: {
        heading: "Sign out",
        text: "This ends the session at once, everywhere. With `all` it ends all sessions of the member.",
      },
    },
  },
  bookAClass: {
    title: "Book a class",
    lead: "Find a class in the timetable, book a spot, and cancel it in time. The samples use a demo account of `cargo dev`; paste them one after another.",
    sections: {
      signIn: { heading: "Sign in", text: "The timetable is open to everybody. Bookings belong to a member, so sign in first. See [Sign in](/docs/sign-in)." },
      find: {
        heading: "Find a class",
        text: "The timetable lists classes by start time. `placesLeft` is the number of free spots. Days and `localTime` are in the studio's time zone.",
      },
      book: {
        heading: "Book a spot",
        text: "The response is the booking. With an `Idempotency-Key` you can repeat the request after a broken connection without booking twice. If the class is full, the response is 409 with [`class_full`](/docs/errors#class_full); send `joinWaitlist: true` to join the waitlist. A pass of the member pays for the class if one can, and the booking says which in `pass`. See [`createBooking`](/docs#createBooking) for all codes.",
      },
      list: { heading: "List the bookings", text: "Each booking has its class, its payment status and `freeCancellationUntil`." },
      follow: {
        heading: "Follow changes",
        text: "Events say when a member moves up from the waitlist, and when the studio moves or cancels a class. With `Accept: text/event-stream` the same address sends them as they happen.",
      },
      cancel: {
        heading: "Cancel",
        text: "Until `freeCancellationUntil` a cancellation costs nothing, a payment is refunded, and a credit is given back to its pass. After that `lateCancellation` is true, and `fee` says what it costs: it is kept from the payment, or owed. If a pass with credits pays, its credit is used up instead of a fee.",
      },
    },
  },
  payments: {
    title: "Payments",
    lead: "A member pays for a booking at the desk or by card. The samples use a demo account of `cargo dev`; paste them one after another.",
    sections: {
      methods: { heading: "See what the studio accepts", text: "`paymentMethods` lists `desk` and, if the studio has set up Stripe, `card`." },
      signIn: { heading: "Sign in", text: "Payments belong to the member who has booked." },
      book: { heading: "Book a class", text: "See [Book a class](/docs/book-a-class)." },
      start: {
        heading: "Choose how to pay",
        text: "With `desk` the spot is held, and staff record the payment. Repeating the request returns the same payment, and another method replaces it. The number of unpaid bookings is limited. Above the limit, the response is 409 with [`too_many_unpaid_bookings`](/docs/errors#too_many_unpaid_bookings).",
      },
      card: {
        heading: "Pay by card",
        text: "With `method: \"card\"` the response has `checkoutUrl`. Send the browser there within half an hour, while the spot is held. Stripe returns the member to the studio's site. A studio without Stripe, such as a fresh `cargo dev`, responds 409 with [`card_not_available`](/docs/errors#card_not_available).",
      },
      follow: {
        heading: "Wait for the payment",
        text: "The return from Stripe proves nothing. Ask for the payment every few seconds until its `status` is `paid`, `failed` or `cancelled`.",
      },
      refund: {
        heading: "Cancel and refund",
        text: "After a cancellation in time a card payment is refunded by itself, ten minutes later at the earliest. What was paid at the desk is `refund_due` until staff pay it back.",
      },
    },
  },
  partnerApplications: {
    title: "Partner applications",
    lead: "A member who is signed in here can open another application, such as a ticket shop, without signing in again. The samples use the ticket shop of `cargo dev`; paste them one after another.",
    sections: {
      register: {
        heading: "Register the application",
        text: "An administrator registers it with [`createPartnerApp`](/docs#createPartnerApp) and gets its secret once. Only the application's server may know the secret.",
      },
      request: {
        heading: "Request a token",
        text: "The site of the studio requests a token for the application, with the session of the member. The token works once, for this application, within 15 minutes. The member must have confirmed their e-mail address. Otherwise the response is 403 with [`email_not_verified`](/docs/errors#email_not_verified).",
      },
      validate: {
        heading: "Validate it",
        text: "The server of the application sends the token with its name and secret, and learns who the member is. Store `user.id`, because an e-mail address can pass to another person. A second attempt returns 401 with [`token_ended`](/docs/errors#token_ended).",
      },
      browser: {
        heading: "Do this in a browser",
        text: "Send visitors to `/continue?app=ticket-shop&returnTo=…`. The page asks the member, and returns to `returnTo` with `token` in the query. `returnTo` must have an origin that the application is registered with. Put a value of your own into it that is bound to the browser, and compare it afterwards. Otherwise an attacker can sign a visitor in as somebody else.",
      },
      revoke: { heading: "Revoke it", text: "The member or the application revokes a token that is no longer needed. Revoking it again does no harm." },
    },
  },
};

export default texts;
