import { useTranslation } from "react-i18next";
import { PageTabs } from "@/parts/Page";
import { AllGrants } from "./AllGrants";
import { Matrix } from "./Matrix";

export default function RolesSection() {
  const { t } = useTranslation();
  return (
    <div className="flex h-full flex-col">
      <PageTabs
        label={t("roles:title")}
        tabs={[
          { id: "matrix", title: t("roles:matrix"), body: <Matrix />, full: true },
          { id: "who", title: t("roles:who"), body: <AllGrants />, full: true },
        ]}
      />
    </div>
  );
}
