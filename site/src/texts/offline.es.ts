// The page that is shown without a connection instead of one that was not kept, in Spanish.

import type { OfflineTexts } from "./offline.en.ts";

const texts: OfflineTexts = {
  title: "Esta página necesita conexión",
  text: "Se abrirá en cuanto vuelvas a tener conexión. Estas páginas también se abren sin ella:",
  retry: "Intentar de nuevo",
};

export default texts;
