// The list of e-mails, which follows the folder, and the one that the fragment names.

/** How often the list is loaded again while the page is visible. */
const REFRESH_MS = 1_500;

const find = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

let messages = null;
let shownList = "";
let shownMessage = "";
let isText = false;

function element(name, content, attributes = {}) {
  const created = document.createElement(name);
  created.append(...[content].flat());
  for (const [attribute, value] of Object.entries(attributes)) created.setAttribute(attribute, value);
  return created;
}

const chosenId = () => decodeURIComponent(location.hash.slice(1));

/** Names a kind for people: `password_reset` is "password reset". */
const kindName = (kind) => kind.replaceAll("_", " ");

function emptyState(isSentByServer) {
  const texts = isSentByServer
    ? ["SMTP_HOST is set, so a mail server sends the e-mails. They are not shown here."]
    : ["No e-mail was sent yet.", "Each e-mail of the local stack appears here as soon as it is sent. Try it: "];
  const paragraphs = texts.map((text) => element("p", text));
  if (!isSentByServer) {
    const links = [
      element("a", "create an account", { href: "/account#register" }),
      " or ",
      element("a", "ask for a new password", { href: "/account#forgot" }),
      ".",
    ];
    paragraphs[1].append(...links);
  }
  return element("div", paragraphs, { class: "none" });
}

function showList(isSentByServer) {
  const focused = document.activeElement?.closest("nav a")?.getAttribute("href");
  const items = messages.map(({ id, subject, to, kind, time: sent }) => {
    const content = [
      element("strong", subject),
      element("span", to),
      element("time", time.format(new Date(sent)), { datetime: sent }),
      element("small", kindName(kind)),
    ];
    return element("li", element("a", content, { href: `#${encodeURIComponent(id)}` }));
  });
  find("list").replaceChildren(items.length > 0 ? element("ol", items) : emptyState(isSentByServer));
  document.body.classList.toggle("is-empty", items.length === 0);
  markChosen();
  if (focused) find("list").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function markChosen() {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** Splits a text at its links, which open in a new tab. */
function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>]+)/).map((part, index) =>
    index % 2 === 0 ? part : element("a", part, { href: part, target: "_blank", rel: "noreferrer" }),
  );
}

async function showMessage() {
  const message = messages?.find(({ id }) => id === chosenId());
  document.body.classList.toggle("is-open", Boolean(message));
  find("message").hidden = !message;
  find("hint").hidden = Boolean(message);
  markChosen();
  const wanted = message ? `${message.id} ${isText}` : "";
  if (wanted === shownMessage) return;
  shownMessage = wanted;
  find("view").replaceChildren();
  if (!message) return;

  find("subject").textContent = message.subject;
  find("facts").textContent = `To ${message.to} · ${time.format(new Date(message.time))} · ${kindName(message.kind)}`;
  find("as-html").setAttribute("aria-pressed", String(!isText));
  find("as-text").setAttribute("aria-pressed", String(isText));
  const address = `/dev/mail/messages/${encodeURIComponent(message.id)}`;
  if (!isText) {
    const sandbox = "allow-popups allow-popups-to-escape-sandbox";
    find("view").append(element("iframe", [], { sandbox, src: `${address}/html`, title: message.subject }));
    return;
  }
  const response = await fetch(`${address}/text`);
  const text = await response.text();
  if (wanted === shownMessage) find("view").replaceChildren(element("pre", withLinks(text), { tabindex: "0" }));
}

async function refresh() {
  const response = await fetch("/dev/mail/messages");
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  if (body === shownList) return;
  const mailbox = JSON.parse(body);
  const known = new Set(messages?.map(({ id }) => id));
  const added = messages && mailbox.messages.find(({ id }) => !known.has(id));
  shownList = body;
  messages = mailbox.messages;
  showList(mailbox.isSentByServer);
  await showMessage();
  if (added) find("status").textContent = `New e-mail: ${added.subject}`;
}

async function keepFresh() {
  if (document.visibilityState === "visible") {
    try {
      await refresh();
    } catch {
      // `cargo dev` was stopped. The list stays until it runs again.
      find("status").textContent = "The local stack does not answer.";
    }
  }
  setTimeout(() => void keepFresh(), REFRESH_MS);
}

/** Chooses the e-mail that is `step` further down in the list. */
function move(step) {
  if (!messages?.length) return;
  const current = messages.findIndex(({ id }) => id === chosenId());
  const next = messages[Math.min(messages.length - 1, Math.max(0, current + step))];
  location.hash = `#${encodeURIComponent(next.id)}`;
  const link = [...document.querySelectorAll("nav a")].find(({ hash }) => hash === location.hash);
  link?.focus();
  link?.scrollIntoView({ block: "nearest" });
}

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("pre")) return;
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if (event.key === "Escape") location.hash = "";
  else return;
  event.preventDefault();
});

addEventListener("hashchange", () => {
  void showMessage();
  if (matchMedia("(max-width: 45rem)").matches) find("subject").focus();
});

for (const [id, value] of [["as-html", false], ["as-text", true]]) {
  find(id).addEventListener("click", () => {
    isText = value;
    void showMessage();
  });
}

void keepFresh();
