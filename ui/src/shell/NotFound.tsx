import { Compass } from "lucide-react";
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
