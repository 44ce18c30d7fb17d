import { Ban, CircleCheck, Ellipsis, LogOut, Pencil, RotateCcw, Trash2, UserCog } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type UserOut, type UserPatch, userDelete, userReset, userSessionDelete, userUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Field, Input } from "@/parts/Field";
import { Item, Line, Menu } from "@/parts/Menu";
import { useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan, useWho } from "@/shell/session";
import { RoleSelect } from "../shared/RoleSelect";
import { ShownOnce } from "../shared/ShownOnce";
import { Ask } from "./Ask";
import { nameOf } from "./words";

type Doing = "role" | "rename" | "reset" | "end" | "disable" | "delete";

/** What may be done to an account, as far as one may. */
export function PersonVerbs({ user }: { user: UserOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const who = useWho();
  const go = useGo();
  const [doing, setDoing] = useState<Doing | null>(null);
  const [link, setLink] = useState<string | null>(null);
  const path = { user_id: user.id };
  const name = nameOf(user);
  const isMe = user.id === who.id;
  const end = () => setDoing(null);

  async function change(body: UserPatch) {
    const saved = await data(userUpdate({ path, body, headers: { "If-Match": `"v${user.version}"` } }));
    queries.setQueryData(["people", user.id], saved);
    await queries.invalidateQueries({ queryKey: ["people"] });
  }
  const asks = (what: Doing, verb: string, danger: boolean, act: () => Promise<unknown>, typed?: string) => (
    <Confirm
      open={doing === what}
      onOpenChange={end}
      danger={danger}
      title={t(`people:${verb}Title`, { name })}
      lead={t(`people:${verb}Lead`)}
      verb={t(`people:${verb}`)}
      name={typed}
      act={act}
    />
  );
  const changes = can("user.update");
  const may = changes || can("user.reset", "user.delete");
  return (
    <>
      {changes && (
        <Button icon={<UserCog />} onClick={() => setDoing("role")}>
          {t("people:changeRole")}
        </Button>
      )}
      {may && (
        <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
          {changes && (
            <Item icon={<Pencil />} onSelect={() => setDoing("rename")}>
              {t("people:rename")}
            </Item>
          )}
          {can("user.reset") && (
            <Item icon={<LogOut />} onSelect={() => setDoing("end")}>
              {t("people:endAll")}
            </Item>
          )}
          {can("user.reset") && !isMe && (
            <Item icon={<RotateCcw />} onSelect={() => setDoing("reset")}>
              {t("people:reset")}
            </Item>
          )}
          {changes && user.disabled_at && (
            <Item icon={<CircleCheck />} onSelect={() => setDoing("disable")}>
              {t("people:enable")}
            </Item>
          )}
          {!isMe && (changes || can("user.delete")) && <Line />}
          {changes && !user.disabled_at && !isMe && (
            <Item icon={<Ban />} danger onSelect={() => setDoing("disable")}>
              {t("people:disable")}
            </Item>
          )}
          {can("user.delete") && !isMe && (
            <Item icon={<Trash2 />} danger onSelect={() => setDoing("delete")}>
              {t("people:delete")}
            </Item>
          )}
        </Menu>
      )}
      {doing === "role" && (
        <Ask
          title={t("people:changeRole")}
          lead={t("people:changeRoleLead")}
          value={user.role}
          onClose={end}
          save={(role) => change({ role })}
        >
          {(value, set) => (
            <Field label={t("people:role")}>{(own) => <RoleSelect {...own} value={value} onChange={set} />}</Field>
          )}
        </Ask>
      )}
      {doing === "rename" && (
        <Ask title={t("people:rename")} value={user.name} onClose={end} save={(next) => change({ name: next })}>
          {(value, set) => (
            <Field label={t("people:name")}>
              {(own) => (
                <Input {...own} autoFocus maxLength={120} value={value} onChange={(event) => set(event.target.value)} />
              )}
            </Field>
          )}
        </Ask>
      )}
      {user.disabled_at && doing === "disable" ? (
        <Confirm
          open
          onOpenChange={end}
          title={t("people:enable")}
          lead={name}
          verb={t("people:enable")}
          act={() => change({ disabled: false })}
        />
      ) : (
        asks("disable", "disable", true, () => change({ disabled: true }))
      )}
      {asks("end", "endAll", false, async () => {
        await data(userSessionDelete({ path }));
        await queries.invalidateQueries({ queryKey: ["sessions"] });
      })}
      {asks("reset", "reset", true, async () => {
        setLink((await data(userReset({ path }))).link);
        await queries.invalidateQueries({ queryKey: ["people"] });
      })}
      {asks(
        "delete",
        "delete",
        true,
        async () => {
          await data(userDelete({ path, body: { confirm: user.email ?? "" } }));
          await queries.invalidateQueries({ queryKey: ["people"] });
          go("/settings/people");
        },
        user.email ?? "",
      )}
      {link && (
        <ShownOnce
          title={t("people:resetLink")}
          lead={t("people:resetLinkLead")}
          text={link}
          onClose={() => setLink(null)}
        />
      )}
    </>
  );
}
