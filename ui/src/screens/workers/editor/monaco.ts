// The editor of the SQL tab, with the languages of a project besides.
import "monaco-editor/languages/definitions/css/register";
import "monaco-editor/languages/definitions/html/register";
import "monaco-editor/languages/definitions/ini/register";
import "monaco-editor/languages/definitions/javascript/register";
import "monaco-editor/languages/definitions/markdown/register";
import "monaco-editor/languages/definitions/python/register";
import "monaco-editor/languages/definitions/yaml/register";
import { monaco } from "../../databases/sql/monaco";
import { type Known, type Proposal, proposals } from "./complete";

const LANGUAGES: Readonly<Record<string, string>> = {
  py: "python",
  pyi: "python",
  js: "javascript",
  mjs: "javascript",
  json: "javascript", // colours its strings, numbers and comments; monaco's own JSON brings a worker of its own
  jsonc: "javascript",
  md: "markdown",
  html: "html",
  css: "css",
  toml: "ini",
  ini: "ini",
  cfg: "ini",
  yaml: "yaml",
  yml: "yaml",
  sql: "sql",
};

const languageOf = (path: string) => LANGUAGES[path.split(".").at(-1)?.toLowerCase() ?? ""] ?? "plaintext";

const KINDS: Record<Proposal["kind"], monaco.languages.CompletionItemKind> = {
  method: monaco.languages.CompletionItemKind.Method,
  field: monaco.languages.CompletionItemKind.Field,
  class: monaco.languages.CompletionItemKind.Class,
  binding: monaco.languages.CompletionItemKind.Variable,
};

const ROOT = "inmemory://code/";
let known: (() => Known) | null = null;

/** What completion knows, of the one worker whose editor is open. */
export function know(say: (() => Known) | null): void {
  known = say;
}

monaco.languages.registerCompletionItemProvider("python", {
  triggerCharacters: [".", " ", ","],
  provideCompletionItems(model, position, context) {
    if (!known || !model.uri.toString().startsWith(ROOT)) return { suggestions: [] };
    const before = model.getValueInRange(new monaco.Range(1, 1, position.lineNumber, position.column));
    const found = proposals(before, known());
    const isAsked = context.triggerCharacter !== " " && context.triggerCharacter !== ",";
    if (!isAsked && !/\bimport\b[^\n]*$/.test(before)) return { suggestions: [] };
    const typed = /\w*$/.exec(before)?.[0] ?? "";
    const { lineNumber, column } = position;
    const range = new monaco.Range(lineNumber, column - typed.length, lineNumber, column);
    return {
      suggestions: found.map((each) => ({
        label: { label: each.label, description: each.kind === "binding" ? each.detail : "" },
        detail: each.detail,
        documentation: each.about,
        kind: KINDS[each.kind],
        insertText: each.insert,
        range,
      })),
    };
  },
});

const uriOf = (worker: string, path: string) => monaco.Uri.parse(ROOT).with({ path: `/${worker}/${path}` });

/** A file's text in the editor; its undo is kept while another file is looked at. */
export function modelOf(worker: string, path: string, text: string): monaco.editor.ITextModel {
  const uri = uriOf(worker, path);
  return monaco.editor.getModel(uri) ?? monaco.editor.createModel(text, languageOf(path), uri);
}

/** Every file of this worker: its tab is closed. */
export function dropAll(worker: string): void {
  const prefix = uriOf(worker, "").toString();
  for (const each of monaco.editor.getModels()) if (each.uri.toString().startsWith(prefix)) each.dispose();
}

export { monaco };
