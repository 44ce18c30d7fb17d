import { Bookmark, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { Field, Input } from "@/parts/Field";
import { Item, Line, Menu, Title } from "@/parts/Menu";
import { recall, remember } from "@/shell/store";
import { toast } from "@/shell/toasts";
import { type TableState, toSearch } from "./state";
import type { View } from "./types";

const NONE: readonly View[] = [];

interface Props {
  id: string;
  given?: readonly View[] | undefined;
  state: TableState;
  filterIds: readonly string[];
  apply: (patch: Record<string, string | undefined>) => void;
}

/** Searches, filters, sorting and columns under a name, kept in this browser; a link shares the same. */
export function Views({ id, given = NONE, state, filterIds, apply }: Props) {
  const { t } = useTranslation();
  const [views, setViews] = useState(() => recall<View[]>(`views.${id}`, []));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const search = toSearch(state, filterIds);
  const isPlain = Object.values(search).every((value) => value === undefined);

  function keep(next: View[]) {
    setViews(next);
    remember(`views.${id}`, next);
  }
  function remove(view: View) {
    const before = views;
    keep(views.filter((each) => each !== view));
    toast.undo(t("shell:viewRemoved", { name: view.name }), t("shell:undo"), () => keep(before));
  }
  function save() {
    const said = Object.entries(search).filter((pair): pair is [string, string] => pair[1] !== undefined);
    keep([...views.filter((each) => each.name !== name), { name, search: Object.fromEntries(said) }]);
    setNaming(false);
    setName("");
  }
  const show = (view: View) => {
    const nothing = Object.fromEntries(Object.keys(search).map((key) => [key, undefined]));
    apply({ ...nothing, ...view.search });
  };
  return (
    <>
      <Menu
        wide
        trigger={
          <Button look="quiet" icon={<Bookmark />}>
            <span className="hidden sm:inline">{t("shell:views")}</span>
            <span className="sr-only sm:hidden">{t("shell:views")}</span>
          </Button>
        }
      >
        {given.map((view) => (
          <Item key={view.name} onSelect={() => show(view)}>
            {view.name}
          </Item>
        ))}
        {given.length > 0 && views.length > 0 && <Line />}
        {views.length === 0 && given.length === 0 && <Title>{t("shell:noViews")}</Title>}
        {views.map((view) => (
          <Item
            key={view.name}
            onSelect={() => show(view)}
            aside={
              <button
                type="button"
                aria-label={t("shell:removeView", { name: view.name })}
                className="grid size-6 place-items-center rounded-sm hover:bg-strong-line/40"
                onClick={(event) => {
                  event.stopPropagation();
                  remove(view);
                }}
              >
                <Trash2 />
              </button>
            }
          >
            {view.name}
          </Item>
        ))}
        <Line />
        <Item disabled={isPlain} onSelect={() => setNaming(true)}>
          {t("shell:saveView")}
        </Item>
      </Menu>
      <Dialog
        open={naming}
        onOpenChange={setNaming}
        title={t("shell:saveView")}
        lead={t("shell:saveViewLead")}
        foot={
          <>
            <Button onClick={() => setNaming(false)}>{t("shell:cancel")}</Button>
            <Button look="primary" disabled={!name.trim()} onClick={save}>
              {t("shell:save")}
            </Button>
          </>
        }
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim()) save();
          }}
        >
          <Field label={t("shell:viewName")}>
            {(given) => (
              <Input {...given} autoFocus maxLength={60} value={name} onChange={(e) => setName(e.target.value)} />
            )}
          </Field>
        </form>
      </Dialog>
    </>
  );
}
