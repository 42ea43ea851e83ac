#!/bin/sh
# Fetch again the style sheet, the icons and the font that Guichet keeps under static/vendor/.
# Needs npm, in a scratch folder, with no install script run; nothing of npm stays in the repository and
# nothing is fetched when Guichet runs. Change a version here, run it, look at the pages, commit the result.
set -eu

BOOTSTRAP=5.3.9
ICONS=1.13.2
INTER=5.3.0        # of the package; it carries Inter 4

here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cd "$scratch"
npm init -y >/dev/null
npm install --ignore-scripts --no-audit --no-fund \
    "bootstrap@$BOOTSTRAP" "bootstrap-icons@$ICONS" "@fontsource-variable/inter@$INTER"

vendor="$here/static/vendor"
rm -rf "$vendor"/bootstrap-[0-9]* "$vendor"/bootstrap-icons-[0-9]* "$vendor"/inter-[0-9]*
mkdir -p "$vendor/bootstrap-$BOOTSTRAP" "$vendor/bootstrap-icons-$ICONS" "$vendor/inter-$INTER"

# The style sheet alone: menus are <details>, so that none of Bootstrap's script is needed. The line that
# names a source map goes, for the map is not kept.
sed '/^\/\*# sourceMappingURL=/d' node_modules/bootstrap/dist/css/bootstrap.min.css \
    > "$vendor/bootstrap-$BOOTSTRAP/bootstrap.min.css"
cp node_modules/bootstrap/LICENSE "$vendor/bootstrap-$BOOTSTRAP/LICENSE"
python3 "$here/tools/bootstrap.py"

# The icons that we name in tools/icons.py, then the sprite made of them.
cp node_modules/bootstrap-icons/LICENSE "$vendor/bootstrap-icons-$ICONS/LICENSE"
python3 "$here/tools/icons.py" --from node_modules/bootstrap-icons/icons

# Inter with its weight axis. The browser takes the second file only when a page holds such letters. The style
# sheet names each file with the start of its hash, as static_url() does, so that it is kept for a year and the
# early fetch in templates/layouts/base.html is the same address.
for subset in latin latin-ext; do
    font="$vendor/inter-$INTER/inter-$subset.woff2"
    cp "node_modules/@fontsource-variable/inter/files/inter-$subset-wght-normal.woff2" "$font"
    hash=$(sha256sum "$font" | cut -c1-8)
    sed -i "s|vendor/inter-[0-9.]*/inter-$subset\.woff2[^\"]*|vendor/inter-$INTER/inter-$subset.woff2?v=$hash|" \
        "$here/static/css/guichet.css"
done
cp node_modules/@fontsource-variable/inter/LICENSE "$vendor/inter-$INTER/LICENSE"

echo "If a version changed, change these too:"
grep -rn "vendor/inter-\|vendor/bootstrap-" "$here/templates"
