// Whether the window is wide enough for two columns.

import { Store } from "./store.ts";

const query = matchMedia("(min-width: 60rem)");

export const isWide = new Store(query.matches);

query.addEventListener("change", () => isWide.set(query.matches));
