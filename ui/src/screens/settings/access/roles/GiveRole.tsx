import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { grantCreate, type UserOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { nameOf } from "../people/words";
import { PlaceFields } from "../shared/Place";
import { RoleSelect } from "../shared/RoleSelect";

/** A role for a person, where. */
export function GiveRole({ user, onClose }: { user?: UserOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("viewer");
  const [place, setPlace] = useState({ project: "", environment: "" });
  const [key] = useState(once);
  const give = useMutation({
    mutationFn: () =>
      data(
        grantCreate({
          body: {
            role,
            ...(user ? { user_id: user.id } : { email }),
            project_id: place.project || null,
            environment_id: place.environment || null,
          },
          headers: key,
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["grants"] });
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("roles:giveTitle")}
      lead={user && nameOf(user)}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="give-form" busy={give.isPending}>
            {t("roles:give")}
          </Button>
        </>
      }
    >
      <form
        id="give-form"
        className="grid gap-3.5"
        onSubmit={(event) => {
          event.preventDefault();
          give.mutate();
        }}
      >
        {!user && (
          <Field label={t("roles:to")}>
            {(own) => (
              <Input
                {...own}
                type="email"
                required
                autoFocus
                autoComplete="off"
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
        )}
        <Field label={t("roles:one")}>
          {(own) => <RoleSelect {...own} without={["member"]} value={role} onChange={setRole} />}
        </Field>
        <PlaceFields everywhere value={place} onChange={setPlace} />
        {give.isError && <ErrorText error={asError(give.error)} />}
      </form>
    </Dialog>
  );
}
