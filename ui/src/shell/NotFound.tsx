import { Compass, Lock } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Empty } from "@/parts/small";
import { A } from "./address";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Empty
      icon={<Compass />}
      title={t("shell:noPage")}
      lead={t("shell:noPageHint")}
      action={
        <Button asChild>
          <A to="/">{t("overview:title")}</A>
        </Button>
      }
    />
  );
}

/** A page whose every call would be refused. */
export function NotAllowed({ permissions }: { permissions: readonly string[] }) {
  const { t } = useTranslation();
  return (
    <Empty
      icon={<Lock />}
      title={t("shell:notYours")}
      lead={t("shell:notYoursHint", { permission: permissions.join(" / ") })}
      action={
        <Button asChild>
          <A to="/">{t("overview:title")}</A>
        </Button>
      }
    />
  );
}
