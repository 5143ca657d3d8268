(() => {
  const root = document.documentElement;
  const asked = /^#(light|dark)$/.exec(location.hash);
  if (asked) root.dataset.theme = asked[1];
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.onclick = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };
  const pick = document.getElementById("pick");
  if (!pick) return;
  const users = [...document.querySelectorAll("details.user")];
  const list = pick.querySelector("select");
  for (const user of users) list.add(new Option(user.querySelector("summary").textContent.replace(/^User /, "")));
  const show = () => users.forEach((user, at) => {
    user.open = at === list.selectedIndex;
    user.hidden = !user.open;
  });
  list.onchange = show;
  pick.hidden = false;
  show();
})();
