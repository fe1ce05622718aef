// Sets a new password with a mailed link.

import { empty, onSubmit, say, send } from "/site.js";
import { awaitLink, redeem } from "/link.js";

onSubmit("choose-form", (form) =>
  redeem(async (token) => {
    await send(form, { token });
    empty(form);
  }));
// The page that confirms an address continues here if another browser registered.
if (new URLSearchParams(location.search).has("confirmed")) {
  say("Your e-mail address is confirmed. Now choose the password of your account.");
}
awaitLink("choose");
