// Confirms an e-mail address with a mailed link. The member has to click, because mail
// scanners open every link and run its scripts.

import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { continueAfterConfirmation, intentAfterConfirmation } from "../classes/intent.ts";
import { mount, useCommon } from "../components/mount.tsx";
import { Result } from "../components/result.tsx";
import { Button } from "../components/ui.tsx";
import { session, signInAddress } from "../session.ts";
import type { VerifyEmailTexts } from "../texts/verify-email.en.ts";
import { attempt } from "../tools/action.ts";
import { requestLink } from "../tools/confirmation.ts";
import type { Catalog } from "../tools/language.ts";
import { finishLink, linkStep, linkToken } from "../tools/link.ts";
import { useStore } from "../tools/store.ts";

const confirm = () =>
  attempt(async () => {
    try {
      const answer = await call(api.POST("/api/auth/verify-email", { body: { token: linkToken() } }));
      // If another browser registered, the account has no password now.
      if ("resetToken" in answer && answer.resetToken) {
        return location.replace(`/reset-password?confirmed#token=${answer.resetToken}`);
      }
    } catch (failure) {
      if (!(failure instanceof Failure && failure.code === "link_ended")) throw failure;
      return finishLink("ended");
    }
    finishLink("done");
  });

function VerifyEmail({ t }: { t: VerifyEmailTexts }) {
  const step = useStore(linkStep);
  const member = useStore(session);
  const common = useCommon();

  const resend = () =>
    attempt(async () => {
      try {
        await requestLink(common);
      } catch (failure) {
        if (!(failure instanceof Failure && failure.isSignedOut)) throw failure;
        throw new Failure(t.ended.signInFirst);
      }
    });

  if (step === "form") {
    return (
      <Result title={t.confirm.title}>
        <p class="lead">{t.confirm.text}</p>
        <p class="actions">
          <Button onClick={confirm}>{t.confirm.button}</Button>
        </p>
      </Result>
    );
  }
  if (step === "done") {
    const intent = intentAfterConfirmation(member);
    const isSignedOut = member === null;
    const path = intent?.path ?? "/timetable";
    return (
      <Result title={t.done.title}>
        <p class="lead">{isSignedOut ? t.done.signIn : t.done.text}</p>
        <p class="actions">
          <a class="button" href={isSignedOut ? signInAddress(path) : path} onClick={intent ? continueAfterConfirmation : undefined}>
            {intent ? (isSignedOut ? t.done.signInToBook : t.done.book)(intent.title) : isSignedOut ? t.done.signInButton : t.done.timetable}
          </a>
          <a class="button plain" href="/account">
            {t.account}
          </a>
        </p>
      </Result>
    );
  }
  return (
    <Result title={t[step].title}>
      <p class="lead">{t[step].text}</p>
      <p class="actions">
        {step === "ended" && <Button onClick={resend}>{common.sendLink}</Button>}
        <a class="button plain" href="/account">
          {t.account}
        </a>
      </p>
    </Result>
  );
}

const catalog: Catalog<VerifyEmailTexts> = { en: () => import("../texts/verify-email.en.ts"), es: () => import("../texts/verify-email.es.ts") };
await mount(catalog, VerifyEmail);
