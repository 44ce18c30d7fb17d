// The editor itself: loaded when the first SQL tab is opened, never before.
import * as monaco from "monaco-editor/editor/editor.api";
import EditorWorker from "monaco-editor/editor/editor.worker?worker";
import "monaco-editor/editor/contrib/suggest/browser/suggestController";
import "monaco-editor/editor/contrib/snippet/browser/snippetController2";
import "monaco-editor/features/bracketMatching/register";
import "monaco-editor/features/caretOperations/register";
import "monaco-editor/features/clipboard/register";
import "monaco-editor/features/codicon/register";
import "monaco-editor/features/comment/register";
import "monaco-editor/features/cursorUndo/register";
import "monaco-editor/features/find/register";
import "monaco-editor/features/gotoError/register";
import "monaco-editor/features/hover/register";
import "monaco-editor/features/indentation/register";
import "monaco-editor/features/linesOperations/register";
import "monaco-editor/features/multicursor/register";
import "monaco-editor/features/placeholderText/register";
import "monaco-editor/features/toggleTabFocusMode/register";
import "monaco-editor/features/wordHighlighter/register";
import "monaco-editor/features/wordOperations/register";
import "monaco-editor/languages/definitions/sql/register";
import { type Known, type Proposal, proposals } from "./complete";
import { statementAt } from "./tokens";

globalThis.MonacoEnvironment = { getWorker: () => new EditorWorker() };

/** Monaco's colours are the theme's, read from its variables. */
function paint(): void {
  const style = getComputedStyle(document.documentElement);
  // Monaco takes six digits; the build writes `#fff` where it can.
  const of = (name: string) => {
    const colour = style.getPropertyValue(`--${name}`).trim();
    return colour.length === 4 ? colour.replace(/[0-9a-f]/gi, "$&$&") : colour;
  };
  const plain = (name: string) => of(name).replace("#", "");
  monaco.editor.defineTheme("holdfast", {
    base: document.documentElement.dataset.theme === "dark" ? "vs-dark" : "vs",
    inherit: true,
    rules: [
      { token: "", foreground: plain("text") },
      { token: "keyword", foreground: plain("accent-text"), fontStyle: "bold" },
      { token: "string", foreground: plain("good") },
      { token: "number", foreground: plain("info") },
      { token: "comment", foreground: plain("faint"), fontStyle: "italic" },
      { token: "predefined", foreground: plain("info") },
      { token: "operator", foreground: plain("muted") },
      // The editor's own theme names these more exactly, in colours that are too pale here.
      { token: "string.sql", foreground: plain("good") },
      { token: "predefined.sql", foreground: plain("info") },
      { token: "operator.sql", foreground: plain("muted") },
      { token: "delimiter", foreground: plain("muted") },
    ],
    colors: {
      "editor.background": of("panel"),
      "editor.foreground": of("text"),
      "editor.placeholder.foreground": of("muted"),
      "editor.lineHighlightBackground": of("sunken"),
      "editor.lineHighlightBorder": "#00000000",
      "editor.selectionBackground": of("picked"),
      "editor.wordHighlightBackground": of("accent-soft"),
      "editorCursor.foreground": of("accent"),
      "editorLineNumber.foreground": of("faint"),
      "editorLineNumber.activeForeground": of("text"),
      "editorError.foreground": of("bad"),
      "editorWidget.background": of("raised"),
      "editorWidget.border": of("line"),
      "editorSuggestWidget.background": of("raised"),
      "editorSuggestWidget.border": of("line"),
      "editorSuggestWidget.foreground": of("text"),
      "editorSuggestWidget.selectedBackground": of("hover"),
      "editorSuggestWidget.selectedForeground": of("text"),
      "editorSuggestWidget.highlightForeground": of("accent-text"),
      "editorSuggestWidget.focusHighlightForeground": of("accent-text"),
      "editorHoverWidget.background": of("raised"),
      "editorHoverWidget.border": of("line"),
      focusBorder: "#00000000",
    },
  });
  monaco.editor.setTheme("holdfast");
}

paint();
// The theme also changes with the system's and with the hour, which no choice of the person's tells.
new MutationObserver(paint).observe(document.documentElement, {
  attributeFilter: ["data-theme", "data-contrast", "data-vision"],
});

const KINDS: Record<Proposal["kind"], monaco.languages.CompletionItemKind> = {
  column: monaco.languages.CompletionItemKind.Field,
  table: monaco.languages.CompletionItemKind.Struct,
  schema: monaco.languages.CompletionItemKind.Module,
  alias: monaco.languages.CompletionItemKind.Variable,
  word: monaco.languages.CompletionItemKind.Keyword,
};

const catalogs = new Map<string, () => Known>();

monaco.languages.registerCompletionItemProvider("sql", {
  triggerCharacters: [".", " "],
  provideCompletionItems(model, position, context) {
    const known = catalogs.get(model.uri.toString());
    const text = model.getValue();
    const caret = model.getOffsetAt(position);
    const one = statementAt(text, caret);
    const inside = one && one.from <= caret;
    const from = inside ? one.from : caret;
    const sql = inside ? text.slice(from, Math.max(one.to, caret)) : "";
    const typed = /["`]?[\p{L}\p{N}_$]*$/u.exec(text.slice(0, caret))?.[0] ?? "";
    const range = new monaco.Range(
      position.lineNumber,
      position.column - typed.length,
      position.lineNumber,
      position.column,
    );
    const found = proposals(sql, caret - from, known?.() ?? { tables: [], schemas: [] });
    const useful = context.triggerCharacter === " " ? found.filter(({ rank }) => rank === 0) : found;
    return {
      suggestions: useful.map((each) => ({
        label: { label: each.label, description: each.detail },
        kind: KINDS[each.kind],
        insertText: each.insert,
        filterText: typed.startsWith('"') ? `"${each.label}` : each.label,
        sortText: `${each.rank}${each.label}`,
        range,
      })),
    };
  },
});

/** A text of the editor, whose completion knows `known`. */
export function modelOf(id: string, text: string, known: () => Known): monaco.editor.ITextModel {
  const uri = monaco.Uri.parse(`inmemory://sql/${id}`);
  catalogs.set(uri.toString(), known);
  return monaco.editor.getModel(uri) ?? monaco.editor.createModel(text, "sql", uri);
}

export function drop(id: string): void {
  const uri = monaco.Uri.parse(`inmemory://sql/${id}`);
  catalogs.delete(uri.toString());
  monaco.editor.getModel(uri)?.dispose();
}

export { monaco };
