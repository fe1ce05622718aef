// The forms for visitors: sign-in, its code, registration, and a forgotten password.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, call } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { continueAfterSignIn, continueInOtherTab } from "../../classes/intent.ts";
import { Check, CodeField, Field, Form } from "../../components/form.tsx";
import { Button, Card } from "../../components/ui.tsx";
import type { AccountTexts } from "../../texts/account.en.ts";
import { language } from "../../tools/language.ts";
import { type Provider, providerAddress } from "./providers.ts";

export type FormName = "sign-in" | "register" | "forgot" | "two-factor";

type Texts = { t: AccountTexts };
type Enter = { onEnter: () => Promise<void> };

/** A form with its heading. The first field gets the focus when the form is shown. */
function Panel({ title, lead, children }: { title: string; lead?: string; children: ComponentChildren }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => panel.current?.querySelector("input")?.focus(), []);
  return (
    <div ref={panel} class="visitor">
      <h1>{title}</h1>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </div>
  );
}

interface SignInProps extends Texts, Enter {
  next: string | null;
  providers: Provider[];
  onEmail: (email: string) => void;
  onCode: (challenge: string | null) => void;
}

export function SignInForm({ t, next, providers, onEmail, onEnter, onCode }: SignInProps) {
  const { signIn } = t;
  return (
    <Panel key="sign-in" title={signIn.title} lead={signIn.lead}>
      <Card>
        <Form
          onSend={async (values) => {
            const body = {
              email: values.text("email"),
              password: values.text("password"),
              remember: values.checked("remember"),
            };
            try {
              await call(api.POST("/api/auth/login", { body }));
            } catch (failure) {
              if (!(failure instanceof Failure && failure.code === "two_factor_required")) throw failure;
              return onCode(failure.challenge);
            }
            await onEnter();
          }}
        >
          <Field
            name="email"
            label={signIn.email}
            type="email"
            autoComplete="username"
            required
            onInput={(event: Event) => onEmail((event.target as HTMLInputElement).value)}
          />
          <Field name="password" label={signIn.password} type="password" autoComplete="current-password" required />
          <Check name="remember" label={signIn.remember} />
          <Button type="submit">{signIn.button}</Button>
          <p>
            <a href="#forgot">{signIn.forgot}</a>
          </p>
        </Form>
        {providers.length > 0 && (
          <p class="actions providers">
            {providers.map((provider) => (
              <a key={provider.name} class="button plain" href={providerAddress(provider, next ?? "/account")} onClick={() => continueAfterSignIn(next ?? "/account")}>
                {signIn.with(provider.label)}
              </a>
            ))}
          </p>
        )}
      </Card>
      <p class="beside">
        {signIn.isNew} <a href="#register">{signIn.register}</a>
      </p>
    </Panel>
  );
}

interface CodeProps extends Texts, Enter {
  /** From the sign-in. After a sign-in through a provider it is in a cookie instead. */
  challenge: string | null;
  onOver: () => void;
}

export function CodeForm({ t, challenge, onEnter, onOver }: CodeProps) {
  const { code } = t;
  return (
    <Panel key="two-factor" title={code.title}>
      <Card>
        <Form
          onSend={async (values) => {
            const body = {
              code: values.text("code"),
              rememberDevice: values.checked("rememberDevice"),
              ...(challenge ? { challenge } : {}),
            };
            try {
              await call(api.POST("/api/auth/login", { body }));
            } catch (failure) {
              if (!(failure instanceof Failure)) throw failure;
              // Without a challenge the server reports a missing e-mail address.
              if (failure.code !== "challenge_ended" && !failure.problems.email) throw failure;
              onOver();
              throw new Failure(code.over);
            }
            await onEnter();
          }}
        >
          <CodeField label={code.label} hint={code.hint} recoveryLabel={code.recovery} />
          <Check name="rememberDevice" label={code.rememberDevice} />
          <Button type="submit">{code.button}</Button>
        </Form>
      </Card>
      <p class="beside">
        {code.notYou} <a href="#sign-in">{code.startAgain}</a>
      </p>
    </Panel>
  );
}

export function RegisterForm({ t, onEnter, onSent }: Texts & Enter & { onSent: (sentence: string) => void }) {
  const { register, signIn } = t;
  return (
    <Panel key="register" title={register.title} lead={register.lead}>
      <Card>
        <Form
          onSend={async (values) => {
            const email = values.text("email");
            const lastName = values.optional("lastName");
            const body = {
              firstName: values.text("firstName"),
              ...(lastName ? { lastName } : {}),
              email,
              password: values.text("password"),
              remember: values.checked("remember"),
            };
            const answer = await call(api.POST("/api/auth/register", { body: { ...body, locale: language.value } }));
            // If addresses have to be confirmed first, the response has no user and does
            // not tell whether an account existed.
            if ("user" in answer && answer.user) return onEnter();
            continueInOtherTab();
            onSent(register.sent(email));
          }}
        >
          <div class="pair">
            <Field name="firstName" label={register.firstName} autoComplete="given-name" required />
            <Field name="lastName" label={register.lastName} autoComplete="family-name" />
          </div>
          <Field name="email" label={signIn.email} type="email" autoComplete="username" required />
          <Field name="password" label={signIn.password} hint={register.passwordHint} type="password" autoComplete="new-password" required />
          <Check name="remember" label={signIn.remember} />
          <Button type="submit">{register.button}</Button>
        </Form>
      </Card>
      <p class="beside">
        {register.already} <a href="#sign-in">{signIn.button}</a>
      </p>
    </Panel>
  );
}

export function ForgotForm({ t, email, onSent }: Texts & { email: string; onSent: (sentence: string) => void }) {
  const { forgot, signIn } = t;
  return (
    <Panel key="forgot" title={forgot.title} lead={forgot.lead}>
      <Card>
        <Form
          onSend={async (values) => {
            const address = values.text("email");
            await call(api.POST("/api/auth/forgot-password", { body: { email: address } }));
            onSent(forgot.sent(address));
          }}
        >
          <Field name="email" label={signIn.email} type="email" autoComplete="username" defaultValue={email} required />
          <Button type="submit">{forgot.button}</Button>
        </Form>
      </Card>
      <p class="beside">
        {forgot.remembered} <a href="#sign-in">{signIn.button}</a>
      </p>
    </Panel>
  );
}

export function Sent({ t, sentence }: Texts & { sentence: string }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <div class="visitor">
      <h1 ref={title} tabIndex={-1}>
        {t.sent.title}
      </h1>
      <p class="lead">{sentence}</p>
      <p>
        {t.sent.hint} <a href="#sign-in">{t.sent.back}</a>
      </p>
      <LocalMail />
    </div>
  );
}

/** Leads to the e-mails of the local stack. A deployment sends them. */
function LocalMail() {
  const address = import.meta.env.DEV ? "/dev/mail" : import.meta.env.VITE_LOCAL_MAIL;
  if (!address) return null;
  return (
    <p>
      <a href={address}>{address}</a>
    </p>
  );
}
