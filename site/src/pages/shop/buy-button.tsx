// The button that buys a product.

import { useEffect, useRef } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { Button } from "../../components/ui.tsx";
import type { ShopTexts } from "../../texts/shop.en.ts";
import { attempt } from "../../tools/action.ts";

type Product = Schema<"Product">;

/** What happens after a click on a button that buys. */
export function loadPurchase() {
  return import("./purchase.ts");
}

/** The id of the product that a visitor wanted to buy before the sign-in. */
function wantedProductId(): string | null {
  return new URLSearchParams(location.search).get("product");
}

/** Whether a product costs nothing. */
export function isFree({ price }: Pick<Product, "price">): boolean {
  return Number(price) === 0;
}

export interface BuyProps {
  t: ShopTexts;
  product: Product;
  total: string;
  /** The promo code. */
  code?: string | undefined;
  /** The code of the gift card that pays. */
  giftCard?: string | undefined;
  /** Called when the product was bought without another page. */
  onBought?: () => void;
}

/** The button that buys a product, or starts a membership. It has the focus if the visitor has just signed in to buy that product. */
export function BuyButton({ t, product, total, code, giftCard, onBought }: BuyProps) {
  const isGiven = isFree({ price: total });
  const isWanted = wantedProductId() === product.id;
  const button = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (isWanted) button.current?.querySelector("button")?.focus();
  }, []);
  return (
    <span ref={button} class="product-buy">
      {product.kind === "membership" ? (
        <Button aria-label={t.startNamed(product.name)} onClick={() => attempt(async () => (await loadPurchase()).startMembership(product))}>
          {t.start}
        </Button>
      ) : (
        <Button aria-label={isGiven ? t.getNamed(product.name) : t.buyNamed(product.name)} onClick={() => attempt(async () => (await loadPurchase()).buy(t, product, { promoCode: code, giftCard }, onBought))}>
          {isGiven ? t.get : t.buy}
        </Button>
      )}
    </span>
  );
}
