// Password, e-mail address, second factor and linked providers.

import { useEffect, useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Field, Form } from "../../components/form.tsx";
import { Button } from "../../components/ui.tsx";
import type { Session } from "../../session.ts";
import type { AccountTexts } from "../../texts/account.en.ts";
import { attempt, report, say } from "../../tools/action.ts";
import { CurrentPassword, currentPassword, UsernameInput } from "./current-password.tsx";
import { Part, Section } from "./parts.tsx";
import { type Provider, providerAddress } from "./providers.ts";
import { TwoFactor } from "./two-factor.tsx";

type Identity = Schema<"LinkedProvider">;

interface Props {
  t: AccountTexts;
  user: Session["user"];
  available: Provider[];
  hasPassword: boolean;
  onPasswordKnown: (hasPassword: boolean) => void;
  /** Lists the devices again, some of which have been signed out. */
  onChange: () => Promise<void>;
}

export function Security({ t, user, available, hasPassword, onPasswordKnown, onChange }: Props) {
  const [identities, setIdentities] = useState<Identity[]>([]);
  const [factor, setFactor] = useState<Schema<"TwoFactorStatus"> | null>(null);
  const [unchangeable, setUnchangeable] = useState<string | null>(null);

  const loadIdentities = async () => {
    const methods = await call(api.GET("/api/auth/identities"));
    onPasswordKnown(methods.hasPassword);
    setIdentities(methods.items);
  };
  const loadFactor = async () => setFactor(await call(api.GET("/api/auth/two-factor")));

  useEffect(() => {
    Promise.all([loadIdentities(), loadFactor()]).catch((failure: unknown) => {
      if (failure instanceof Failure && failure.code === "demo_account") setUnchangeable(failure.message);
      else report(failure);
    });
  }, []);

  if (unchangeable !== null) {
    return (
      <Part id="security" title={t.security.title}>
        <p>{unchangeable}</p>
      </Part>
    );
  }

  const isLinked = ({ name }: Provider) => identities.some(({ provider }) => provider === name);
  return (
    <Part id="security" title={t.security.title}>
      {!hasPassword && (
        <>
          <p>{t.security.noPassword}</p>
          <p class="actions">
            {available.filter(isLinked).map((provider) => (
              <a key={provider.name} class="button plain" href={providerAddress(provider, "/account")}>
                {t.security.signInAgain(provider.label)}
              </a>
            ))}
          </p>
        </>
      )}
      <PasswordSection
        t={t}
        email={user.email}
        hasPassword={hasPassword}
        onChanged={async () => {
          await Promise.all([onChange(), loadIdentities()]);
        }}
      />
      <EmailSection t={t} hasPassword={hasPassword} />
      {factor && (
        <TwoFactor
          t={t}
          email={user.email}
          status={factor}
          hasPassword={hasPassword}
          onReload={loadFactor}
          onChanged={async () => {
            await Promise.all([onChange(), loadFactor()]);
          }}
        />
      )}
      {(available.length > 0 || identities.length > 0) && (
        <ProviderSection t={t} identities={identities} available={available} onChanged={loadIdentities} />
      )}
    </Part>
  );
}

interface PasswordProps {
  t: AccountTexts;
  email: string;
  hasPassword: boolean;
  onChanged: () => Promise<void>;
}

function PasswordSection({ t, email, hasPassword, onChanged }: PasswordProps) {
  return (
    <Section title={hasPassword ? t.password.change : t.password.set}>
      {(close) => (
        <Form
          onSend={async (values) => {
            const body = { ...currentPassword(values), newPassword: values.text("newPassword") };
            await call(api.POST("/api/auth/change-password", { body }));
            close();
            await onChanged();
            say(t.password.done);
          }}
        >
          <UsernameInput t={t} email={email} />
          <CurrentPassword t={t} hasPassword={hasPassword} />
          <Field name="newPassword" label={t.password.next} hint={t.register.passwordHint} type="password" autoComplete="new-password" required />
          <p class="hint">{t.security.signsOut}</p>
          <Button type="submit">{t.password.button}</Button>
        </Form>
      )}
    </Section>
  );
}

function EmailSection({ t, hasPassword }: { t: AccountTexts; hasPassword: boolean }) {
  return (
    <Section title={t.email.title}>
      {(close) => (
        <Form
          onSend={async (values) => {
            const newEmail = values.text("newEmail");
            await call(api.POST("/api/auth/change-email", { body: { ...currentPassword(values), newEmail } }));
            close();
            say(t.email.sent(newEmail));
          }}
        >
          <Field name="newEmail" label={t.email.next} type="email" autoComplete="email" required />
          <CurrentPassword t={t} hasPassword={hasPassword} />
          <Button type="submit">{t.email.button}</Button>
        </Form>
      )}
    </Section>
  );
}

interface ProviderProps {
  t: AccountTexts;
  identities: Identity[];
  available: Provider[];
  onChanged: () => Promise<void>;
}

function ProviderSection({ t, identities, available, onChanged }: ProviderProps) {
  const labelOf = (name: string) => available.find((provider) => provider.name === name)?.label ?? name;
  const unlinked = available.filter(({ name }) => !identities.some(({ provider }) => provider === name));

  const unlink = (identity: Identity, close: () => void) =>
    attempt(async () => {
      try {
        await call(api.DELETE("/api/auth/identities", { params: { query: { id: identity.id } } }));
      } catch (failure) {
        // The provider was already unlinked in another window.
        if (!(failure instanceof Failure && failure.status === 404)) throw failure;
      }
      await onChanged();
      close();
      say(t.providers.unlinked(labelOf(identity.provider)));
    });

  return (
    <Section title={t.providers.title}>
      {(close) => (
        <>
          <ul class="plain-list rows">
            {identities.map((identity) => {
              const label = labelOf(identity.provider);
              return (
                <li key={identity.id}>
                  <div>
                    <strong>{label}</strong>
                    <span class="hint">{identity.email}</span>
                  </div>
                  <Button kind="plain" size="small" aria-label={t.providers.unlinkNamed(label)} onClick={() => unlink(identity, close)}>
                    {t.providers.unlink}
                  </Button>
                </li>
              );
            })}
          </ul>
          <p class="actions">
            {unlinked.map((provider) => (
              <a key={provider.name} class="button plain" href={providerAddress(provider, "/account")}>
                {t.providers.link(provider.label)}
              </a>
            ))}
          </p>
        </>
      )}
    </Section>
  );
}
