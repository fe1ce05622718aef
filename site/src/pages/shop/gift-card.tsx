// The gift card that a person enters, and what is left on it.

import { api, call } from "../../api/client.ts";
import { Field, Form } from "../../components/form.tsx";
import { Button } from "../../components/ui.tsx";
import { signInAddress } from "../../session.ts";
import type { ShopTexts } from "../../texts/shop.en.ts";
import { formatPrice } from "../../tools/time.ts";
import type { EnteredCard } from "./paying.ts";

interface Props {
  t: ShopTexts;
  isMember: boolean;
  card: EnteredCard | null;
  onEnter: (card: EnteredCard | null) => void;
}

export function GiftCard({ t, isMember, card, onEnter }: Props) {
  if (card) {
    const balance = formatPrice(card.balance, card.currency);
    return (
      <p class="shop-code" role="status">
        <span>
          {isMember ? t.gift.pays(balance) : t.gift.left(balance)} {!isMember && <a href={signInAddress("/shop")}>{t.gift.signIn}</a>}
        </span>
        <Button kind="quiet" size="small" onClick={() => onEnter(null)}>
          {t.gift.remove}
        </Button>
      </p>
    );
  }
  return (
    <div class="shop-code">
      <Form
        onSend={async (values) => {
          const code = values.text("giftCard");
          onEnter({ code, ...(await call(api.POST("/api/shop/gift-card", { body: { code } }))) });
        }}
      >
        <Field name="giftCard" label={t.gift.code} required autoComplete="off" autoCapitalize="none" spellcheck={false} maxLength={50} />
        <Button type="submit" kind="soft">
          {t.gift.check}
        </Button>
      </Form>
    </div>
  );
}
