// Continues to a partner application, which sends the browser to
// /continue?app=<name>&returnTo=<address>. The member has to click: opening the page must
// not sign anybody in elsewhere.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { mount } from "../components/mount.tsx";
import { Result } from "../components/result.tsx";
import { Button, Card, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { forgetSession, loadSession, signInAddress } from "../session.ts";
import type { ContinueTexts } from "../texts/continue.en.ts";
import { attempt, whenSessionEnds } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";

type Profile = Schema<"Profile">;
type Texts = { t: ContinueTexts };

const query = new URLSearchParams(location.search);
const [app, returnTo] = [query.get("app") ?? "", query.get("returnTo") ?? ""];
const isComplete = app !== "" && URL.canParse(returnTo);

function Continue({ t }: Texts) {
  // null means that nobody is signed in, and undefined that it is not known.
  const [member, setMember] = useState<Profile | null | undefined>(undefined);
  const [isFailed, setFailed] = useState(false);

  const start = () =>
    attempt(async () => {
      setFailed(false);
      try {
        if (!(await loadSession())) return setMember(null);
        setMember(await call(api.GET("/api/auth/me")));
      } catch (failure) {
        if (failure instanceof Failure && failure.isSignedOut) return setMember(null);
        setFailed(true);
        throw failure;
      }
    });

  useEffect(() => {
    whenSessionEnds(() => {
      forgetSession();
      setMember(null);
      return true;
    });
    if (isComplete) void start();
  }, []);

  if (!isComplete) return <IncompleteLink t={t} />;
  if (isFailed) {
    return (
      <Result title={t.to(app)}>
        <ErrorPanel text={t.failedTitle} onRetry={start} />
      </Result>
    );
  }
  if (member === undefined) {
    return (
      <div class="narrow page">
        <h1 class="page-title">{t.to(app)}</h1>
        <Skeleton count={1} height="16rem" />
      </div>
    );
  }
  if (member === null) return <SignedOut t={t} />;
  return <Confirmation t={t} member={member} />;
}

function IncompleteLink({ t }: Texts) {
  return (
    <Result title={t.missingTitle}>
      <p class="lead">{t.missingText}</p>
      <p class="actions">
        <a class="button plain" href="/account">
          {t.account}
        </a>
      </p>
    </Result>
  );
}

function SignedOut({ t }: Texts) {
  return (
    <Result title={t.signInTitle}>
      <p class="lead">{t.signInText}</p>
      <p class="actions">
        <a class="button" href={signInAddress()}>
          {t.signIn}
        </a>
      </p>
    </Result>
  );
}

function Confirmation({ t, member }: Texts & { member: Profile }) {
  const account = useRef<HTMLSelectElement>(null);

  // Errors in the link cannot be fixed on this page.
  const issue = async (accountId: string) => {
    const body = { targetApp: app, returnTo, ...(accountId ? { accountId } : {}) };
    try {
      return await call(api.POST("/api/cross-app/token", { body }));
    } catch (failure) {
      if (failure instanceof Failure && failure.problems.targetApp) throw new Failure(t.unknownApp(app));
      if (failure instanceof Failure && failure.problems.returnTo) throw new Failure(t.wrongAddress(app));
      throw failure;
    }
  };

  // The browser is redirected only after the server has checked that the address belongs
  // to the application.
  const goOn = () =>
    attempt(async () => {
      const { token } = await issue(account.current?.value ?? "");
      const address = new URL(returnTo);
      address.searchParams.set("token", token);
      location.assign(address);
    });

  return (
    <Result title={t.to(app)}>
      <Card>
        <p>
          {t.signedInAs} <strong>{member.email}</strong>.
        </p>
        <p>{t.receives(new URL(returnTo).host)}</p>
        {member.accounts.length > 0 && (
          <p class="field">
            <label for="behalf">{t.onBehalfOf}</label>
            <select id="behalf" ref={account}>
              <option value="">{t.myself}</option>
              {member.accounts.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </p>
        )}
        <p class="actions">
          <Button onClick={goOn}>{t.button}</Button>
        </p>
      </Card>
    </Result>
  );
}

const catalog: Catalog<ContinueTexts> = { en: () => import("../texts/continue.en.ts"), es: () => import("../texts/continue.es.ts") };
await mount(catalog, Continue);
