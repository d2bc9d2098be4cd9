// Passport pages: one at a time on screen, all of them on paper.
const passports = $$(".passport");
const passportChoice = $("#passport-choice");

function showPassport(id) {
  if (!document.getElementById(id)) return;
  passports.forEach((page) => page.classList.toggle("shown", page.id === id));
  passportChoice.value = id;
}

function printOnly(...classes) {
  document.body.classList.add(...classes);
  addEventListener("afterprint", () => document.body.classList.remove(...classes), { once: true });
  print();
}

if (passports.length) {
  showPassport(location.hash.startsWith("#passport-") ? location.hash.slice(1) : passports[0].id);
  passportChoice.addEventListener("change", () => showPassport(passportChoice.value));
  const step = (by) => showPassport(passports[(passportChoice.selectedIndex + by + passports.length) % passports.length].id);
  $("#passport-back").addEventListener("click", () => step(-1));
  $("#passport-next").addEventListener("click", () => step(1));
  $("#print-one").addEventListener("click", () => printOnly("only-passports", "one-passport"));
  $("#print-all").addEventListener("click", () => printOnly("only-passports"));
  for (const link of $$('a[href^="#passport-"]')) link.addEventListener("click", () => showPassport(link.hash.slice(1)));
}
