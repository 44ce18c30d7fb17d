import { Download } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Item, Menu } from "@/parts/Menu";

interface Props {
  formats: readonly string[];
  /** Where the server writes the file; without a limit of rows. */
  href: (format: string) => string;
}

/** Everything that matches, written by the server as it reads: the table's own export ends at what a browser can hold. */
export function DownloadMenu({ formats, href }: Props) {
  const { t } = useTranslation();
  return (
    <Menu
      align="end"
      trigger={
        <Button look="quiet" icon={<Download />}>
          <span className="sr-only lg:not-sr-only">{t("activity:download")}</span>
        </Button>
      }
    >
      {formats.map((format) => (
        <Item key={format} onSelect={() => location.assign(href(format))}>
          {format.toUpperCase()}
        </Item>
      ))}
    </Menu>
  );
}
