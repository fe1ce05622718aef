// The second factor: setting it up, its recovery codes, and turning it off.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { CodeField, Form } from "../../components/form.tsx";
import { Button } from "../../components/ui.tsx";
import type { AccountTexts } from "../../texts/account.en.ts";
import { attempt, say } from "../../tools/action.ts";
import { CurrentPassword, currentPassword, UsernameInput } from "./current-password.tsx";
import { Section } from "./parts.tsx";

interface Props {
  t: AccountTexts;
  email: string;
  status: Schema<"TwoFactorStatus">;
  hasPassword: boolean;
  onReload: () => Promise<void>;
  onChanged: () => Promise<void>;
}

export function TwoFactor({ t, email, status, hasPassword, onReload, onChanged }: Props) {
  const { factor } = t;
  const [setup, setSetup] = useState<Schema<"TwoFactorEnrollment"> | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);

  const forget = () => {
    setSetup(null);
    setCodes(null);
  };

  /** A conflict means that another window changed the second factor. */
  const send = async <T,>(request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } catch (failure) {
      if (failure instanceof Failure && failure.status === 409) {
        forget();
        await onReload();
      }
      throw failure;
    }
  };

  return (
    <Section title={factor.title(status.enabled)}>
      {(close) => {
        if (codes) {
          return (
            <RecoveryCodes
              t={t}
              codes={codes}
              onSaved={() => {
                forget();
                close();
              }}
            />
          );
        }
        if (status.enabled) {
          return (
            <TurnOff
              t={t}
              email={email}
              status={status}
              hasPassword={hasPassword}
              onSend={async (body) => {
                await send(call(api.DELETE("/api/auth/two-factor", { body })));
                close();
                await onChanged();
                say(factor.isOff);
              }}
            />
          );
        }
        if (!setup) {
          return (
            <BeginSetup
              t={t}
              email={email}
              hasPassword={hasPassword}
              onSend={async (body) => setSetup(await send(call(api.POST("/api/auth/two-factor", { body }))))}
            />
          );
        }
        return (
          <ConfirmSetup
            t={t}
            setup={setup}
            onCancel={() => setSetup(null)}
            onSend={async (code) => {
              const { recoveryCodes } = await send(call(api.PUT("/api/auth/two-factor", { body: { code } })));
              setSetup(null);
              setCodes(recoveryCodes);
              await onChanged();
              say(factor.isOn);
            }}
          />
        );
      }}
    </Section>
  );
}

interface BeginProps {
  t: AccountTexts;
  email: string;
  hasPassword: boolean;
  onSend: (body: Schema<"StartTwoFactor">) => Promise<void>;
}

function BeginSetup({ t, email, hasPassword, onSend }: BeginProps) {
  return (
    <>
      <p>{t.factor.explained}</p>
      <Form onSend={(values) => onSend(currentPassword(values))}>
        <UsernameInput t={t} email={email} />
        <CurrentPassword t={t} hasPassword={hasPassword} />
        <Button type="submit">{t.factor.begin}</Button>
      </Form>
    </>
  );
}

interface ConfirmProps {
  t: AccountTexts;
  setup: Schema<"TwoFactorEnrollment">;
  onCancel: () => void;
  onSend: (code: string) => Promise<void>;
}

/** Shows the key for the authenticator app, and asks for its first code. */
function ConfirmSetup({ t, setup, onCancel, onSend }: ConfirmProps) {
  const { factor } = t;
  return (
    <>
      <Focused text={factor.addTitle} />
      <p>
        {factor.scan} <a href={setup.otpauthUri}>{factor.open}</a>
        {factor.orKey}
      </p>
      <img class="qr" src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(setup.qrCode)}`} alt={factor.qr} width={240} height={240} />
      <p>
        {factor.key} <code>{setup.secret.match(/.{1,4}/g)?.join(" ")}</code>
      </p>
      <Form onSend={(values) => onSend(values.text("code"))}>
        <CodeField label={t.code.label} hint={factor.codeHint} />
        <p class="actions">
          <Button type="submit">{factor.confirm}</Button>
          <Button kind="plain" onClick={onCancel}>
            {factor.cancel}
          </Button>
        </p>
      </Form>
    </>
  );
}

interface TurnOffProps {
  t: AccountTexts;
  email: string;
  status: Schema<"TwoFactorStatus">;
  hasPassword: boolean;
  onSend: (body: Schema<"DisableTwoFactor">) => Promise<void>;
}

function TurnOff({ t, email, status, hasPassword, onSend }: TurnOffProps) {
  const { factor } = t;
  return (
    <>
      <p class="hint">
        {factor.left(status.recoveryCodesLeft)}
        <br />
        {factor.devices(status.trustedDevices)}
      </p>
      <p>{factor.renew}</p>
      <Form onSend={(values) => onSend({ ...currentPassword(values), code: values.text("code") })}>
        <UsernameInput t={t} email={email} />
        <CurrentPassword t={t} hasPassword={hasPassword} />
        <CodeField label={t.code.label} hint={t.code.hint} recoveryLabel={t.code.recovery} />
        <p class="hint">{t.security.signsOut}</p>
        <Button type="submit">{factor.turnOff}</Button>
      </Form>
    </>
  );
}

function Focused({ text }: { text: string }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <h3 ref={title} tabIndex={-1}>
      {text}
    </h3>
  );
}

function RecoveryCodes({ t, codes, onSaved }: { t: AccountTexts; codes: string[]; onSaved: () => void }) {
  const { factor } = t;
  const copy = () =>
    attempt(async () => {
      try {
        await navigator.clipboard.writeText(codes.join("\n"));
      } catch {
        throw new Failure(factor.cannotCopy);
      }
      say(factor.copied);
    });
  return (
    <>
      <Focused text={factor.codesTitle} />
      <p>{factor.codesExplained}</p>
      <ul class="plain-list codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <p class="actions">
        <Button kind="plain" onClick={copy}>
          {factor.copy}
        </Button>
        <a class="button plain" href={`data:text/plain;charset=utf-8,${encodeURIComponent(`${codes.join("\n")}\n`)}`} download="sabor-recovery-codes.txt">
          {factor.download}
        </a>
        <Button onClick={onSaved}>{factor.saved}</Button>
      </p>
    </>
  );
}
