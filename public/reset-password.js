// Sets a new password with a mailed link.

import { empty, onSubmit, send } from "/site.js";
import { awaitLink, redeem } from "/link.js";

onSubmit("choose-form", (form) =>
  redeem(async (token) => {
    await send(form, { token });
    empty(form);
  }));
awaitLink("choose");
