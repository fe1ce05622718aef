// Unsubscribes from e-mails of one category, with a link from such an e-mail. Nobody has to sign in. The
// reader has to click, because mail scanners open every link and run its scripts.

import { useRef } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { mount } from "../components/mount.tsx";
import { Result } from "../components/result.tsx";
import { Button } from "../components/ui.tsx";
import type { UnsubscribeTexts } from "../texts/unsubscribe.en.ts";
import { attempt } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { finishLink, linkStep, linkToken } from "../tools/link.ts";
import { useStore } from "../tools/store.ts";

const unsubscribe = () =>
  attempt(async () => {
    try {
      await call(api.POST("/api/auth/unsubscribe", { params: { query: { token: linkToken() } } }));
    } catch (failure) {
      if (!(failure instanceof Failure && failure.code === "not_found")) throw failure;
      return finishLink("ended");
    }
    finishLink("done");
  });

function Unsubscribe({ t }: { t: UnsubscribeTexts }) {
  const step = useStore(linkStep);
  // The token starts with the category. `finishLink` clears the token, so the category is kept.
  const category = useRef("");
  if (step === "form") category.current = linkToken().split(".")[0] ?? "";
  const name = t.categories[category.current] ?? t.otherCategory;
  const account = (
    <a class="button plain" href="/account#mails">
      {t.account}
    </a>
  );

  if (step === "form") {
    return (
      <Result title={t.confirm.title}>
        <p class="lead">{t.confirm.text(name)}</p>
        {category.current === "waitlist" ? <p>{t.confirm.waitlist}</p> : null}
        <p class="actions">
          <Button onClick={unsubscribe}>{t.confirm.button}</Button>
          {account}
        </p>
        <p class="hint">{t.confirm.hint}</p>
      </Result>
    );
  }
  return (
    <Result title={t[step].title}>
      <p class="lead">{step === "done" ? t.done.text(name) : t[step].text}</p>
      <p class="actions">{account}</p>
    </Result>
  );
}

const catalog: Catalog<UnsubscribeTexts> = { en: () => import("../texts/unsubscribe.en.ts"), es: () => import("../texts/unsubscribe.es.ts") };
await mount(catalog, Unsubscribe);
