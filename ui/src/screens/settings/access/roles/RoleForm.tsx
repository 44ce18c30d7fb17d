import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type RoleOut, roleCreate, roleUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useWho } from "@/shell/session";
import { PermissionPicker } from "../shared/PermissionPicker";
import { roles } from "../shared/roles";

interface Props {
  /** The role to change; without it one is made. */
  role?: RoleOut;
  /** What the new one begins with. */
  like?: RoleOut;
  onClose: () => void;
}

export function RoleForm({ role, like, onClose }: Props) {
  const { t } = useTranslation();
  const go = useGo();
  const { permissions: own } = useWho();
  const { data: all } = useQuery(roles);
  const [key] = useState(once);
  const [name, setName] = useState("");
  const [description, setDescription] = useState(role?.description ?? "");
  const within = (names: readonly string[]) => new Set(names.filter((each) => own.includes(each)));
  const [held, setHeld] = useState<ReadonlySet<string>>(() =>
    role ? new Set(role.permissions) : within(like?.permissions ?? []),
  );
  const save = useMutation({
    mutationFn: () => {
      const body = { description, permissions: [...held].sort() };
      return role
        ? data(roleUpdate({ path: { role_id: role.id }, body, headers: { "If-Match": `"v${role.version}"` } }))
        : data(roleCreate({ body: { ...body, name }, headers: key }));
    },
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (saved) => {
      queries.setQueryData(["roles", saved.id], saved);
      void queries.invalidateQueries({ queryKey: ["roles"] });
      onClose();
      if (!role) go(`/settings/roles/${saved.id}`);
    },
  });
  const error = save.error ? asError(save.error) : null;
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={onClose}
      title={role ? t("roles:edit") : t("roles:new")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="role-form" busy={save.isPending}>
            {role ? t("shell:save") : t("roles:create")}
          </Button>
        </>
      }
    >
      <form
        id="role-form"
        className="grid gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {error && <ErrorText error={error} />}
        {!role && (
          <Field label={t("roles:name")} hint={t("roles:nameHint")} error={error?.fields.name}>
            {(given) => (
              <Input
                {...given}
                required
                autoFocus
                autoComplete="off"
                spellCheck={false}
                maxLength={40}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        )}
        <Field label={t("roles:description")} error={error?.fields.description}>
          {(given) => (
            <Input
              {...given}
              autoComplete="off"
              maxLength={200}
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        {!role && (
          <Field label={t("roles:from")}>
            {(given) => (
              <Select
                {...given}
                defaultValue={like?.id ?? ""}
                onChange={(event) =>
                  setHeld(within(all?.find(({ id }) => id === event.target.value)?.permissions ?? []))
                }
              >
                <option value="">{t("roles:empty")}</option>
                {all?.map(({ id, name: each }) => (
                  <option key={id} value={id}>
                    {each}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        )}
        <PermissionPicker value={held} onChange={setHeld} among={own} />
      </form>
    </Dialog>
  );
}
