// Text with a little Markdown: paragraphs, `code`, **strong** and [links](/address).

export function Prose({ text }: { text: string | null | undefined }) {
  const parts = (text ?? "").split("\n\n").filter(Boolean);
  return (
    <>
      {parts.map((part, index) => (
        <p key={index}>
          <Inline text={part} />
        </p>
      ))}
    </>
  );
}

const MARKED = /(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/;

/** Inserts the text as text, never as HTML. */
export function Inline({ text }: { text: string }) {
  return (
    <>
      {text.split(MARKED).map((part, index) => {
        if (part.startsWith("`")) return <code key={index}>{part.slice(1, -1)}</code>;
        if (part.startsWith("**")) {
          return (
            <strong key={index}>
              <Inline text={part.slice(2, -2)} />
            </strong>
          );
        }
        const [, label, address = ""] = /^\[([^\]]+)\]\((.+)\)$/.exec(part) ?? [];
        return label ? (
          <a key={index} href={address}>
            <Inline text={label} />
          </a>
        ) : (
          part
        );
      })}
    </>
  );
}
