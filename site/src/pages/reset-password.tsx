// Sets a new password with a mailed link.

import { useEffect } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Check, Field, Form } from "../components/form.tsx";
import { mount } from "../components/mount.tsx";
import { Result } from "../components/result.tsx";
import { Button, Card } from "../components/ui.tsx";
import type { ResetPasswordTexts } from "../texts/reset-password.en.ts";
import { say } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { finishLink, linkStep, linkToken } from "../tools/link.ts";
import { useStore } from "../tools/store.ts";

function ResetPassword({ t }: { t: ResetPasswordTexts }) {
  const step = useStore(linkStep);

  useEffect(() => {
    // The page that confirms an address continues here if another browser registered.
    if (new URLSearchParams(location.search).has("confirmed")) say(t.choose.confirmed);
  }, []);

  if (step === "form") {
    return (
      <Result title={t.choose.title}>
        <Card>
          <Form
            onSend={async (values) => {
              const body = {
                token: linkToken(),
                newPassword: values.text("newPassword"),
                unlinkProviders: values.checked("unlinkProviders"),
              };
              try {
                await call(api.POST("/api/auth/reset-password", { body }));
              } catch (failure) {
                if (!(failure instanceof Failure && failure.code === "link_ended")) throw failure;
                return finishLink("ended");
              }
              finishLink("done");
            }}
          >
            <Field name="newPassword" label={t.choose.label} hint={t.choose.hint} type="password" autoComplete="new-password" required />
            <Check name="unlinkProviders" label={t.choose.unlink} />
            <p class="hint">{t.choose.effect}</p>
            <Button type="submit">{t.choose.button}</Button>
          </Form>
        </Card>
      </Result>
    );
  }
  return (
    <Result title={t[step].title}>
      <p class="lead">{t[step].text}</p>
      <p class="actions">
        {step === "done" ? (
          <a class="button" href="/account">
            {t.done.signIn}
          </a>
        ) : (
          <a class="button" href="/account#forgot">
            {t.request}
          </a>
        )}
      </p>
    </Result>
  );
}

const catalog: Catalog<ResetPasswordTexts> = { en: () => import("../texts/reset-password.en.ts"), es: () => import("../texts/reset-password.es.ts") };
await mount(catalog, ResetPassword);
