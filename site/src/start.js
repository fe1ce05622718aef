// Chooses the language before anything else is loaded, and loads its texts beside the scripts,
// not after them. It stands in each page, and `vercel.json` allows it by its hash.

{
  const languages = ["en", "es"];
  let language;
  try {
    language = localStorage.getItem("language");
  } catch {
    // The browser may forbid storage.
  }
  if (!languages.includes(language)) {
    language = navigator.languages.map((tag) => tag.split("-")[0]).find((code) => languages.includes(code)) ?? "en";
  }
  document.documentElement.lang = language;
  for (const href of (document.currentScript.dataset[language] ?? "").split(" ").filter(Boolean)) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = href;
    document.head.append(link);
  }
}
