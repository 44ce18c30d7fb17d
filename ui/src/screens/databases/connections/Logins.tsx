import { useMutation, useQuery } from "@tanstack/react-query";
import { Ban, Ellipsis, KeyRound, Plus, RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type LoginOut, type LoginShownOut, loginCreate, loginDrop, loginList, loginRevoke, loginRotate } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { Item, Line, Menu } from "@/parts/Menu";
import { Section } from "@/parts/Page";
import { Badge, Empty, Skeleton, Time } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import type { TabProps } from "../tabs";
import { SecretOnce } from "./SecretOnce";

const ACCESS = ["ro", "rw", "owner"] as const;
type Access = (typeof ACCESS)[number];
const read = (id: string) => queries.invalidateQueries({ queryKey: ["databases", id, "logins"] });

/** Lasting logins, one a program: each is rotated and revoked without the others noticing. */
export function Logins({ database }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const [adding, setAdding] = useState(false);
  const [shown, setShown] = useState<LoginShownOut | null>(null);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", database.id, "logins"],
    queryFn: async () => (await data(loginList({ path: { database_id: database.id }, query: { limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const able = can("database.login.manage");
  const add = able && (
    <Button size={found?.length ? "small" : "usual"} icon={<Plus />} onClick={() => setAdding(true)}>
      {t("connections:newLogin")}
    </Button>
  );
  return (
    <Section title={t("connections:logins")} aside={found && found.length > 0 && add}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && (
        <Empty
          icon={<KeyRound />}
          title={t("connections:noLogins")}
          lead={t("connections:noLoginsLead")}
          action={add}
        />
      )}
      <ul aria-label={t("connections:logins")}>
        {found?.map((login) => (
          <Row key={login.id} login={login} able={able} onShown={setShown} />
        ))}
      </ul>
      {adding && (
        <NewLogin
          database={database.id}
          onClose={() => setAdding(false)}
          onMade={(made) => {
            setAdding(false);
            setShown(made);
          }}
        />
      )}
      {shown && (
        <SecretOnce
          title={t("connections:secretOf", { name: shown.login.name })}
          facts={[
            [t("connections:user"), shown.login.name],
            [t("connections:password"), shown.password],
            ["URL", shown.url],
          ]}
          onClose={() => setShown(null)}
        />
      )}
    </Section>
  );
}

function Row({ login, able, onShown }: { login: LoginOut; able: boolean; onShown: (made: LoginShownOut) => void }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<"rotate" | "revoke" | "drop" | null>(null);
  const [handOver, setHandOver] = useState(false);
  const path = { login_id: login.id };
  const close = (open: boolean) => !open && setAsked(null);
  return (
    <li className="flex items-center gap-3 border-t py-2 first:border-t-0">
      <div className="min-w-0 flex-1">
        <p className="flex items-center gap-2">
          <span className="truncate font-medium">{login.name}</span>
          <Badge>{t(`databases:ways.${login.access}`)}</Badge>
          {login.revoked_at && <Badge tone="warn">{t("connections:revoked")}</Badge>}
        </p>
        <p className="text-muted text-xs">
          {t("connections:rotated")} <Time at={login.rotated_at} />
        </p>
      </div>
      {able && (
        <Menu
          align="end"
          trigger={
            <Button
              look="quiet"
              size="icon"
              aria-label={t("connections:actsOf", { name: login.name })}
              icon={<Ellipsis />}
            />
          }
        >
          <Item icon={<RotateCw />} onSelect={() => setAsked("rotate")}>
            {t("connections:rotate")}
          </Item>
          {!login.revoked_at && (
            <Item icon={<Ban />} onSelect={() => setAsked("revoke")}>
              {t("connections:revoke")}
            </Item>
          )}
          <Line />
          <Item icon={<Trash2 />} danger onSelect={() => setAsked("drop")}>
            {t("connections:drop")}
          </Item>
        </Menu>
      )}
      <Confirm
        open={asked === "rotate"}
        onOpenChange={close}
        title={t("connections:rotateTitle", { name: login.name })}
        lead={t("connections:rotateLead")}
        verb={t("connections:rotate")}
        act={async () => {
          onShown(await data(loginRotate({ path })));
          await read(login.resource_id);
        }}
      />
      <Confirm
        open={asked === "revoke"}
        onOpenChange={close}
        danger
        title={t("connections:revokeTitle", { name: login.name })}
        lead={t("connections:revokeLead")}
        verb={t("connections:revoke")}
        act={async () => {
          await data(loginRevoke({ path }));
          toast.good(t("connections:revokedNow", { name: login.name }));
          await read(login.resource_id);
        }}
      />
      <Confirm
        open={asked === "drop"}
        onOpenChange={close}
        danger
        name={login.name}
        title={t("connections:dropTitle", { name: login.name })}
        lead={
          <span className="grid gap-2">
            {t("connections:dropLead")}
            <label className="flex items-center gap-2 text-text">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={handOver}
                onChange={(event) => setHandOver(event.target.checked)}
              />
              {t("connections:handOver")}
            </label>
          </span>
        }
        verb={t("connections:drop")}
        act={async () => {
          await data(loginDrop({ path, body: { confirm: login.name, hand_over: handOver } }));
          await read(login.resource_id);
        }}
      />
    </li>
  );
}

interface NewProps {
  database: string;
  onClose: () => void;
  onMade: (made: LoginShownOut) => void;
}

function NewLogin({ database, onClose, onMade }: NewProps) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [access, setAccess] = useState<Access>("rw");
  const make = useMutation({
    mutationFn: () => data(loginCreate({ path: { database_id: database }, body: { name: name.trim(), access } })),
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
    onSuccess: async (made) => {
      await read(database);
      onMade(made);
    },
  });
  const error = make.error ? asError(make.error) : null;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("connections:newLogin")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" busy={make.isPending} disabled={!name.trim()} onClick={() => make.mutate()}>
            {t("connections:makeLogin")}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) make.mutate();
        }}
      >
        <Field label={t("databases:name")} hint={t("connections:loginHint")} error={error?.fields.name}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus
              autoComplete="off"
              spellCheck={false}
              maxLength={48}
              className="font-mono"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("connections:rights")} hint={t(`connections:wayLeads.${access}`)}>
          {(given) => (
            <Select {...given} value={access} onChange={(event) => setAccess(event.target.value as Access)}>
              {ACCESS.map((each) => (
                <option key={each} value={each}>
                  {t(`databases:ways.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {error && !error.fields.name && <ErrorText error={error} />}
        <button type="submit" hidden aria-hidden tabIndex={-1} />
      </form>
    </Dialog>
  );
}
