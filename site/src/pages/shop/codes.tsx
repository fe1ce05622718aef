// The promo code and the gift card that a person enters. It is loaded when somebody wants to enter one.

import { signInAddress } from "../../session.ts";
import type { ShopTexts } from "../../texts/shop.en.ts";
import { GiftCard } from "./gift-card.tsx";
import type { EnteredCard } from "./paying.ts";
import { type AppliedCode, type Product, PromoCode } from "./promo-code.tsx";

interface Props {
  t: ShopTexts;
  isMember: boolean;
  takesCards: boolean;
  products: readonly Product[];
  applied: AppliedCode | null;
  card: EnteredCard | null;
  onApply: (applied: AppliedCode | null) => void;
  onEnter: (card: EnteredCard | null) => void;
}

export function Codes({ t, isMember, takesCards, products, applied, card, onApply, onEnter }: Props) {
  return (
    <div>
      {takesCards && isMember && <PromoCode t={t} products={products} applied={applied} onApply={onApply} />}
      {takesCards && !isMember && (
        <p class="shop-code">
          <a href={signInAddress("/shop")}>{t.promo.signIn}</a>
        </p>
      )}
      <GiftCard t={t} isMember={isMember} card={card} onEnter={onEnter} />
    </div>
  );
}
