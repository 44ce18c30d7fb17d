import { marked, type Token, type Tokens } from "marked";
import { Fragment, type ReactNode } from "react";
import { help } from "./help";
import { resolved } from "./helpPages";

const TITLE = /^# .+$/m; // is the sheet's own

/**
 * Our Markdown as elements, never as a string of HTML: what is not known here is shown as its text. Pictures are left
 * out, the page itself is behind the sheet.
 */
export function HelpPage({ text, path }: { text: string; path: string }) {
  return <div className="grid gap-3 text-pretty">{blocks(marked.lexer(text.replace(TITLE, "")), path)}</div>;
}

function blocks(tokens: readonly Token[], path: string): ReactNode {
  // biome-ignore lint/suspicious/noArrayIndexKey: a page's blocks never move
  return tokens.map((token, at) => <Fragment key={at}>{block(token as Tokens.Generic, path)}</Fragment>);
}

function block(token: Tokens.Generic, path: string): ReactNode {
  const inside = () => inline(token.tokens ?? [], path);
  switch (token.type) {
    case "heading":
      return <h3 className="mt-2 font-semibold text-base">{inside()}</h3>;
    case "paragraph":
      return isPicture(token) ? null : <p>{inside()}</p>;
    case "text":
      return token.tokens ? inside() : token.text;
    case "blockquote":
      return <blockquote className="border-l-2 pl-3 text-muted">{blocks(token.tokens ?? [], path)}</blockquote>;
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        <pre className="overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs" tabIndex={0}>
          {token.text}
        </pre>
      );
    case "list":
      return <List of={token as Tokens.List} path={path} />;
    case "table":
      return <Table of={token as Tokens.Table} path={path} />;
    case "hr":
      return <hr />;
    case "space":
    case "html":
      return null;
    default:
      return <p>{token.raw}</p>;
  }
}

function isPicture({ tokens }: Tokens.Generic): boolean {
  return tokens?.length === 1 && tokens[0]?.type === "image";
}

function List({ of, path }: { of: Tokens.List; path: string }) {
  const Kind = of.ordered ? "ol" : "ul";
  return (
    <Kind className={`grid gap-1.5 pl-5 ${of.ordered ? "list-decimal" : "list-disc"}`}>
      {of.items.map((item) => (
        <li key={item.raw}>{blocks(item.tokens, path)}</li>
      ))}
    </Kind>
  );
}

function Table({ of, path }: { of: Tokens.Table; path: string }) {
  return (
    <table className="w-full text-left text-xs">
      <thead className="text-muted">
        <tr>
          {of.header.map((cell) => (
            <th key={cell.text} scope="col" className="border-b py-1 pr-3 font-medium">
              {inline(cell.tokens, path)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {of.rows.map((row) => (
          <tr key={row.map(({ text }) => text).join("|")} className="align-top">
            {row.map((cell, at) => (
              <td key={of.header[at]?.text} className="border-b py-1 pr-3">
                {inline(cell.tokens, path)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inline(tokens: readonly Token[], path: string): ReactNode {
  // biome-ignore lint/suspicious/noArrayIndexKey: a page's words never move
  return tokens.map((token, at) => <Fragment key={at}>{word(token as Tokens.Generic, path)}</Fragment>);
}

function word(token: Tokens.Generic, path: string): ReactNode {
  const inside = () => (token.tokens ? inline(token.tokens, path) : token.text);
  switch (token.type) {
    case "strong":
      return <strong className="font-semibold">{inside()}</strong>;
    case "em":
      return <em>{inside()}</em>;
    case "codespan":
      return <code className="rounded-sm bg-sunken px-1 font-mono text-xs">{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return <Way href={String(token.href)} path={path} inside={inside()} />;
    case "image":
    case "html":
      return null;
    default:
      return inside();
  }
}

/** To another page of the help, within it; to elsewhere, in a tab of its own; to what the dashboard has not, as text. */
function Way({ href, path, inside }: { href: string; path: string; inside: ReactNode }) {
  const page = resolved(path, href);
  const look = "text-accent-text underline underline-offset-2";
  if (page)
    return (
      <button type="button" className={look} onClick={() => help.open(page, true)}>
        {inside}
      </button>
    );
  if (/^https:/.test(href))
    return (
      <a href={href} target="_blank" rel="noreferrer" className={look}>
        {inside}
      </a>
    );
  return inside;
}
