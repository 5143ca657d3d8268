//! Writes sixty rows in the ways in which people have them: files as shops, sites and programs write them.
//!
//! Does not know how they are read.
//!
//! **Invariant**: every file says the same of who met what when, as far as its format says it at all; times fall on
//! whole minutes.

use std::io::Write;

/// One row, by numbers: who, what, stars from 1 to 5, and seconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    pub(crate) user: usize,
    pub(crate) item: usize,
    pub(crate) stars: usize,
    pub(crate) time: i64,
}

/// What is meant by a row: user, item, rating, time.
pub(crate) type Meant = (String, String, Option<f32>, Option<i64>);

/// A file as somebody has it, and what is meant by its rows.
pub(crate) struct Stranger {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) meant: Vec<Meant>,
}

/// Twelve users with five of fifteen items each, some five days apart from 31 January 2023 18:30 on.
pub(crate) fn events() -> Vec<Event> {
    let event = |n: usize| {
        let user = n % 12;
        let minutes = 7_200 * n as i64 + 61 * n as i64;
        let time = 1_675_189_800 + 60 * minutes;
        Event { user, item: (3 * user + 4 * (n / 12)) % 15, stars: 1 + (7 * n + n / 12) % 5, time }
    };
    (0..60).map(event).collect()
}

/// Year, month, day, hour and minute.
fn calendar(time: i64) -> [i64; 5] {
    // Days from 1 January 2023, which is 1672531200; the rows end before 2024 does.
    let minutes = (time - 1_672_531_200) / 60;
    let (mut day, minute) = (minutes / 1_440, minutes % 1_440);
    let mut month = 0;
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    [2023, month as i64 + 1, day + 1, minute / 60, minute % 60]
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn iso(time: i64) -> String {
    let [year, month, day, hour, minute] = calendar(time);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:00")
}

/// `Tue Jan 31 18:30:00 +0000 2023`
fn ctime(time: i64) -> String {
    let [year, month, day, hour, minute] = calendar(time);
    // 1 January 1970 was a Thursday.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(time / 86_400 % 7) as usize];
    format!("{weekday} {} {day:02} {hour:02}:{minute:02}:00 +0000 {year}", MONTHS[month as usize - 1])
}

fn midnight(time: i64) -> i64 {
    time / 86_400 * 86_400
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Bytes of Windows-1252 for texts whose letters are in Latin-1.
fn western(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// A book's number of nine digits with its check digit.
fn isbn(number: usize) -> String {
    let digits = format!("{number:09}");
    let sum: usize = digits.bytes().enumerate().map(|(place, digit)| (10 - place) * usize::from(digit - b'0')).sum();
    let check = (11 - sum % 11) % 11;
    digits + &if check == 10 { "X".to_owned() } else { check.to_string() }
}

/// Ten characters as Amazon's products have: a book's number, or one of Amazon's own.
fn asin(item: usize) -> String {
    if item.is_multiple_of(4) { isbn(43_988_630 + item) } else { format!("B00{:05}{item:02}", 7_919 * item % 99_999) }
}

fn reviewer(user: usize) -> String {
    format!("A{:02}SUAM1J3GN{}B", user, ["N3", "X7", "QE"][user % 3])
}

fn hash(seed: usize, length: usize) -> String {
    let mut state = seed as u64 + 11;
    let digit = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_digit((state >> 60) as u32, 16).unwrap()
    };
    (0..length).map(digit).collect()
}

const TITLES: [&str; 15] = [
    "The Elder Scrolls V Skyrim",
    "Fallout 4",
    "Spore",
    "Fallout New Vegas",
    "Left 4 Dead 2",
    "HuniePop",
    "Path of Exile",
    "Poly Bridge",
    "Team Fortress 2",
    "Tomb Raider",
    "The Banner Saga",
    "Dead Island Epidemic",
    "Jazzpunk",
    "Terraria",
    "Portal 2",
];

/// A file of one line per row behind `header`.
fn lines(header: &str, end: &str, line: impl Fn(usize, Event) -> String) -> String {
    let rows = events().into_iter().enumerate().map(|(n, event)| format!("{}{end}", line(n, event)));
    let header = if header.is_empty() { String::new() } else { format!("{header}{end}") };
    header + &rows.collect::<String>()
}

fn meant(
    user: impl Fn(usize) -> String,
    item: impl Fn(usize) -> String,
    rating: impl Fn(Event) -> Option<f32>,
    time: impl Fn(i64) -> Option<i64>,
) -> Vec<Meant> {
    events().into_iter().map(|one| (user(one.user), item(one.item), rating(one), time(one.time))).collect()
}

fn stars(event: Event) -> Option<f32> {
    Some(event.stars as f32)
}

fn none(_: Event) -> Option<f32> {
    None
}

/// All files that are to be read.
pub(crate) fn strangers() -> Vec<Stranger> {
    let plain = |n: usize| (n + 1).to_string();
    let mut all = shops();
    let mut add = |name, bytes: Vec<u8>, meant| all.push(Stranger { name, bytes, meant });

    let film = |n: usize| (10 * n + 32).to_string();
    add(
        "ml-latest-small/ratings.csv",
        lines("userId,movieId,rating,timestamp", "\n", |_, e| {
            format!("{},{},{}.0,{}", e.user + 1, film(e.item), e.stars, e.time)
        })
        .into(),
        meant(plain, film, stars, Some),
    );
    add(
        "ml-1m/ratings.dat",
        lines("", "\n", |_, e| format!("{}::{}::{}::{}", e.user + 1, film(e.item), e.stars, e.time)).into(),
        meant(plain, film, stars, Some),
    );
    add(
        "ml-100k/u.data",
        lines("", "\n", |_, e| format!("{}\t{}\t{}\t{}", e.user + 1, film(e.item), e.stars, e.time)).into(),
        meant(plain, film, stars, Some),
    );
    add(
        "epinions/ratings_data.txt",
        lines("", "\n", |_, e| format!("{} {} {}", e.user + 1, film(e.item), e.stars)).into(),
        meant(plain, film, stars, |_| None),
    );
    let book = |n: usize| isbn(3_454_510 + 77 * n);
    let crossing = lines("\"User-ID\";\"ISBN\";\"Book-Rating\";\"Location\"", "\r\n", |_, e| {
        let place = ["köln, nordrhein-westfalen", "san josé, california", "paris, île-de-france"][e.user % 3];
        format!("\"{}\";\"{}\";\"{}\";\"{place}\"", 276_725 + e.user, book(e.item), 2 * e.stars)
    });
    add(
        "BX-Book-Ratings.csv",
        western(&crossing),
        meant(|n| (276_725 + n).to_string(), book, |e| Some(2.0 * e.stars as f32), |_| None),
    );
    add(
        "goodreads_interactions.json.gz",
        gzip(
            lines("", "\n", |n, e| {
                format!(
                    "{{\"user_id\": \"{}\", \"book_id\": \"{}\", \"review_id\": \"{}\", \"rating\": {}, \"review_text\": \
                     \"so,\\n good\", \"date_added\": \"{}\", \"date_updated\": \"{}\", \"read_at\": \"\", \
                     \"started_at\": \"\", \"n_votes\": {}, \"n_comments\": 0}}",
                    hash(e.user, 32), film(e.item), hash(1_000 + n, 32), e.stars, ctime(e.time), ctime(e.time + 60),
                    n % 3
                )
            })
            .as_bytes(),
        ),
        meant(|n| hash(n, 32), film, stars, Some),
    );
    add(
        "yelp_academic_dataset_review.json",
        lines("", "\n", |n, e| {
            format!(
                "{{\"review_id\":\"{}\",\"user_id\":\"{}\",\"business_id\":\"{}\",\"stars\":{}.0,\"useful\":{},\"funny\":0,\
                 \"cool\":{},\"text\":\"If you decide to eat here, just be aware\",\"date\":\"{}\"}}",
                hash(2_000 + n, 22), hash(e.user, 22), hash(500 + e.item, 22), e.stars, n % 4, n % 2, iso(e.time)
            )
        })
        .into(),
        meant(|n| hash(n, 22), |n| hash(500 + n, 22), stars, Some),
    );
    add(
        "steam-200k.csv",
        lines("", "\n", |n, e| {
            let hours = format!("{}.{}", 1 + 37 * n % 270, n % 10);
            format!("{},\"{}\",{},{hours},0", 151_603_712 + 7 * e.user, TITLES[e.item], ["purchase", "play"][n % 2])
        })
        .into(),
        meant(|n| (151_603_712 + 7 * n).to_string(), |n| TITLES[n].to_owned(), none, |_| None),
    );
    add(
        "usersha1-artmbid-artname-plays.tsv",
        lines("", "\n", |n, e| {
            let known = if n % 17 == 3 { String::new() } else { hash(700 + e.item, 36) };
            format!("{}\t{known}\t{}\t{}", hash(e.user, 40), TITLES[e.item].to_lowercase(), 4_000 - 61 * n)
        })
        .into(),
        meant(|n| hash(n, 40), |n| TITLES[n].to_lowercase(), none, |_| None),
    );
    add(
        "userid-timestamp-artid-artname-traid-traname.tsv",
        lines("", "\n", |_, e| {
            let at = iso(e.time).replace(' ', "T");
            let artist = format!(
                "{}\t{}",
                hash(800 + e.item % 4, 36),
                ["Deep Dish", "坂本龍一", "Underworld", "Minus 8"][e.item % 4]
            );
            format!("user_{:06}\t{at}Z\t{artist}\t{}\t{}", e.user + 1, hash(900 + e.item, 36), TITLES[e.item])
        })
        .into(),
        meant(|n| format!("user_{:06}", n + 1), |n| hash(900 + n, 36), none, Some),
    );
    add(
        "lastfm_kaggle.csv",
        lines(",Username,Artist,Track,Album,Date,Time", "\n", |n, e| {
            let [year, month, day, hour, minute] = calendar(e.time);
            let date = format!("{day:02} {} {year}", MONTHS[month as usize - 1]);
            let artist = ["Isobel Campbell", "Lou Reed"][e.item % 2];
            format!("{n},Babs_{:02},{artist},{},Ballad,{date},{hour:02}:{minute:02}", e.user, TITLES[e.item])
        })
        .into(),
        meant(|n| format!("Babs_{n:02}"), |n| TITLES[n].to_owned(), none, |time| Some(midnight(time))),
    );
    add(
        "beer_reviews.csv",
        lines(
            "brewery_id,brewery_name,review_time,review_overall,review_aroma,review_appearance,review_profilename,beer_style,\
             review_palate,review_taste,beer_name,beer_abv,beer_beerid",
            "\n",
            |n, e| {
                let (brewery, marks) = (e.item % 4, format!("{}.5,{}.5", n % 4, n % 5));
                format!(
                    "{},Vecchio Birraio {brewery},{},{}.0,{marks},stcules{:02},\"Ale, {}\",{marks},Sausa {},{}.0,{}",
                    10_325 + brewery, e.time, e.stars, e.user, e.item % 3, e.item, 4 + e.item % 5, 47_986 + e.item
                )
            },
        )
        .into(),
        meant(|n| format!("stcules{n:02}"), |n| (47_986 + n).to_string(), stars, Some),
    );
    add(
        "anime/rating.csv",
        lines("user_id,anime_id,rating", "\n", |_, e| {
            format!("{},{},{}", e.user + 1, film(e.item), if e.stars == 1 { -1 } else { 2 * e.stars as i32 })
        })
        .into(),
        meant(plain, film, |e| Some(if e.stars == 1 { -1.0 } else { 2.0 * e.stars as f32 }), |_| None),
    );
    add(
        "dataset_TSMC2014_NYC.txt",
        lines("", "\n", |_, e| {
            let place = format!(
                "{}\t40.7{:02}\t-74.0{:02}",
                ["Bar", "Arts & Crafts Store", "Bridge"][e.item % 3],
                e.item,
                e.item
            );
            format!(
                "{}\t{}\t{}\t{place}\t-240\t{}",
                470 + e.user,
                hash(300 + e.item, 24),
                hash(e.item % 3, 24),
                ctime(e.time)
            )
        })
        .into(),
        meant(|n| (470 + n).to_string(), |n| hash(300 + n, 24), none, Some),
    );
    all
}

/// Files of shops, of offices and of databases.
fn shops() -> Vec<Stranger> {
    let mut all = Vec::new();
    let mut add = |name, bytes: Vec<u8>, meant| all.push(Stranger { name, bytes, meant });
    let number = |n: usize| (1_001 + n).to_string();
    add(
        "retailrocket/events.csv",
        lines("timestamp,visitorid,event,itemid,transactionid", "\n", |n, e| {
            let kind = ["view", "view", "addtocart", "transaction"][(n + n / 12) % 4];
            let bought = if kind == "transaction" { (4_000 + n).to_string() } else { String::new() };
            format!("{}117,{},{kind},{},{bought}", e.time, 257_597 + e.user, 355_908 + e.item)
        })
        .into(),
        meant(|n| (257_597 + n).to_string(), |n| (355_908 + n).to_string(), none, Some),
    );
    add(
        "ratings_Electronics.csv",
        lines("", "\n", |_, e| format!("{},{},{}.0,{}", reviewer(e.user), asin(e.item), e.stars, e.time)).into(),
        meant(reviewer, asin, stars, Some),
    );
    add(
        "All_Beauty.csv",
        lines("", "\n", |_, e| format!("{},{},{}.0,{}", asin(e.item), reviewer(e.user), e.stars, e.time)).into(),
        meant(reviewer, asin, stars, Some),
    );
    add(
        "reviews_Books_5.json.gz",
        gzip(
            lines("", "\n", |_, e| {
                let [year, month, day, ..] = calendar(e.time);
                format!(
                    "{{\"reviewerID\": \"{}\", \"asin\": \"{}\", \"reviewerName\": \"Abbey\", \"helpful\": [0, 0], \
                     \"reviewText\": \"Spiritually and mentally inspiring!\", \"overall\": {}.0, \"summary\": \"Very good\", \
                     \"unixReviewTime\": {}, \"reviewTime\": \"{month:02} {day}, {year}\"}}",
                    reviewer(e.user), asin(e.item), e.stars, midnight(e.time)
                )
            })
            .as_bytes(),
        ),
        meant(reviewer, asin, stars, |time| Some(midnight(time))),
    );
    add(
        "All_Beauty.jsonl",
        lines("", "\n", |_, e| {
            format!(
                "{{\"rating\": {}.0, \"title\": \"Such a lovely scent\", \"text\": \"smells good\", \"images\": [], \"asin\": \
                 \"{}\", \"parent_asin\": \"{}\", \"user_id\": \"{}\", \"timestamp\": {}923, \"helpful_vote\": 0, \
                 \"verified_purchase\": true}}",
                e.stars, asin(e.item), asin(e.item / 2 * 2), reviewer(e.user), e.time
            )
        })
        .into(),
        meant(reviewer, asin, stars, Some),
    );
    add(
        "orders_export_1.csv",
        lines(
            "Name,Email,Financial Status,Paid at,Fulfillment Status,Accepts Marketing,Currency,Subtotal,Shipping,Discount Code,\
             Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,Shipping City,Notes,Cancelled at,Vendor",
            "\n",
            |n, e| {
                let at = format!("{} +0100", iso(e.time + 3_600));
                let who = ["Ann", "Bob", "Cem"][e.user % 3];
                format!(
                    "#{},{},paid,{at},fulfilled,no,EUR,{}.90,4.90,,{at},{},\"{}, black\",{}.95,SKU-{:03},{who},Berlin,,,Acme",
                    1_001 + n, mail(e.user), 20 + n, 1 + n % 2, TITLES[e.item], 10 + e.item, e.item
                )
            },
        )
        .into(),
        meant(mail, |n| format!("SKU-{n:03}"), none, Some),
    );
    let german = lines("Kundennr;Artikel;Kategorie;Preis;Bewertung;Bestelldatum", "\r\n", |_, e| {
        let [year, month, day, hour, minute] = calendar(e.time);
        let (what, kind) = (format!("Müsli Nr. {}", e.item), ["Frühstück", "Getränke", "Süßes"][e.item % 3]);
        let half = if e.user.is_multiple_of(2) { "" } else { ",5" };
        let half = if e.stars == 5 { "" } else { half };
        let at = format!("{day:02}.{month:02}.{year} {hour:02}:{minute:02}");
        format!("K-{};{what};{kind};{},{:02};{}{half};{at}", 1_001 + e.user, 2 + e.item, 5 * e.item, e.stars)
    });
    let halves = |e: Event| {
        let half = if e.user.is_multiple_of(2) || e.stars == 5 { 0.0 } else { 0.5 };
        Some(e.stars as f32 + half)
    };
    add(
        "Bewertungen Frühjahr.csv",
        western(&german),
        meant(|n| format!("K-{}", 1_001 + n), |n| format!("Müsli Nr. {n}"), halves, Some),
    );
    let excel = lines("Customer ID,Product,Stars,Date", "\r\n", |_, e| {
        let [year, month, day, hour, minute] = calendar(e.time);
        let (hour, half) = ((hour + 11) % 12 + 1, if hour < 12 { "AM" } else { "PM" });
        format!("{},\"{}\",{},{month}/{day}/{year} {hour}:{minute:02} {half}", 1_001 + e.user, TITLES[e.item], e.stars)
    });
    add(
        "Export from Excel.csv",
        format!("\u{feff}{excel}").into(),
        meant(number, |n| TITLES[n].to_owned(), stars, Some),
    );
    let unicode =
        lines("Benutzer\tProdukt\tPunkte", "\r\n", |_, e| format!("Jürgen {}\tp{}\t{}", e.user, e.item, e.stars));
    add(
        "Unicode-Text.txt",
        std::iter::once(0xfeff).chain(unicode.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        meant(|n| format!("Jürgen {n}"), |n| format!("p{n}"), stars, |_| None),
    );
    let retail =
        lines("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country", "\n", |n, e| {
            let [year, month, day, hour, minute] = calendar(e.time);
            let who = if n % 5 == 4 { String::new() } else { format!("{}", 17_850 + e.user) };
            let what = format!("85{:03}A,WHITE HANGING HEART {},{}", e.item, e.item, 6 - 7 * i32::from(n % 20 == 7));
            format!(
                "{},{what},{month}/{day}/{year} {hour}:{minute:02},2.{:02},{who},United Kingdom",
                536_365 + n / 2,
                e.item
            )
        });
    let known = meant(|n| (17_850 + n).to_string(), |n| format!("85{n:03}A"), none, Some);
    add(
        "online_retail.csv",
        retail.into(),
        known.into_iter().enumerate().filter(|(n, _)| n % 5 != 4).map(|(_, one)| one).collect(),
    );
    add(
        "instacart/order_products__prior.csv",
        lines("order_id,product_id,add_to_cart_order,reordered", "\n", |n, e| {
            format!("{},{},{},{}", e.user + 2, 33_120 + e.item, 1 + n / 12, n % 2)
        })
        .into(),
        meant(|n| (n + 2).to_string(), |n| (33_120 + n).to_string(), none, |_| None),
    );
    add(
        "diginetica/train-item-views.csv",
        lines("sessionId;userId;itemId;timeframe;eventdate", "\n", |n, e| {
            format!("{};NA;{};{};{}", 1 + e.user, 81_766 + e.item, 526_309 + 7 * n, &iso(e.time)[..10])
        })
        .into(),
        meant(|n| (n + 1).to_string(), |n| (81_766 + n).to_string(), none, |time| Some(midnight(time))),
    );
    add(
        "yoochoose-clicks.dat",
        lines("", "\n", |_, e| {
            format!("{},{}.277Z,{},0", 11 + e.user, iso(e.time).replace(' ', "T"), 214_536_502 + e.item)
        })
        .into(),
        meant(|n| (n + 11).to_string(), |n| (214_536_502 + n).to_string(), none, Some),
    );
    add(
        "transactions_train.csv",
        lines("t_dat,customer_id,article_id,price,sales_channel_id", "\n", |n, e| {
            let price = format!("0.0{:02}8305084745762", 11 + n);
            format!("{},{},0{},{price},{}", &iso(e.time)[..10], hash(e.user, 64), 663_713_001 + e.item, 1 + n % 2)
        })
        .into(),
        meant(|n| hash(n, 64), |n| format!("0{}", 663_713_001 + n), none, |time| Some(midnight(time))),
    );
    add(
        "local_reviews.json",
        lines("", "\n", |_, e| {
            format!(
                "{{\"user_id\": \"1014633501899620237{:02}\", \"name\": \"Ann {}\", \"time\": {}123, \"rating\": {}, \
                 \"text\": null, \"pics\": null, \"resp\": null, \"gmap_id\": \"0x80c2c778:0x{}\"}}",
                e.user,
                e.user,
                e.time,
                e.stars,
                hash(400 + e.item, 16)
            )
        })
        .into(),
        meant(|n| format!("1014633501899620237{n:02}"), |n| format!("0x80c2c778:0x{}", hash(400 + n, 16)), stars, Some),
    );
    add(
        "analytics_events.csv",
        lines("event_date,event_timestamp,event_name,user_pseudo_id,platform,item_id", "\n", |n, e| {
            let [year, month, day, ..] = calendar(e.time);
            let kind = ["view_item", "purchase"][(n + n / 12) % 2];
            let date = format!("{year}{month:02}{:02}", if day < 16 { 1 } else { 16 });
            format!("{date},{}000123,{kind},{}.{},ANDROID,sku_{}", e.time, 1_000 + e.user, 11 + e.user, e.item)
        })
        .into(),
        meant(|n| format!("{}.{}", 1_000 + n, 11 + n), |n| format!("sku_{n}"), none, Some),
    );
    add(
        "wc-product-export.csv",
        lines("Order ID,Order Date,Customer User,Product Name,SKU,Quantity,Line Total", "\n", |n, e| {
            let sku = if n.is_multiple_of(3) { String::new() } else { format!("W{}", e.item) };
            format!("{},{},{},Shirt {},{sku},1,{}.90", 500 + n, iso(e.time), 1_001 + e.user, e.item, 9 + e.item)
        })
        .into(),
        meant(number, |n| format!("Shirt {n}"), none, Some),
    );
    add(
        "avis.csv",
        lines("utilisateur;article;note;date_avis", "\n", |_, e| {
            let [year, month, day, ..] = calendar(e.time);
            format!("u{};a{};{};{day:02}/{month:02}/{year}", e.user, e.item, e.stars)
        })
        .into(),
        meant(|n| format!("u{n}"), |n| format!("a{n}"), stars, |time| Some(midnight(time))),
    );
    add(
        "UserBehavior.csv",
        lines("", "\n", |n, e| {
            let kind = ["pv", "pv", "buy", "fav"][n % 4];
            format!("{},{},{},{kind},{}", 1_000_001 + e.user, 2_268_318 + e.item, 2_520_377 + e.item % 3, e.time)
        })
        .into(),
        meant(|n| (1_000_001 + n).to_string(), |n| (2_268_318 + n).to_string(), none, Some),
    );
    add(
        "mysql --batch.tsv",
        lines("id\taccount_id\tcourse_id\tscore\tdevice\tupdated_at\tcreated_at", "\n", |n, e| {
            let score = if n == 9 { "NULL".to_owned() } else { e.stars.to_string() };
            let at = iso(e.time);
            format!(
                "{}\t{}\t{}\t{score}\t{}\t{at}\t{at}",
                n + 1,
                1_001 + e.user,
                20 + e.item,
                ["phone", "tv"][(n + n / 12) % 2]
            )
        })
        .into(),
        events()
            .into_iter()
            .enumerate()
            .map(|(n, e)| (number(e.user), (20 + e.item).to_string(), stars(e).filter(|_| n != 9), Some(e.time)))
            .collect(),
    );
    all
}

fn mail(user: usize) -> String {
    format!("kunde{user}@example.com")
}

/// Files that are no table of ratings, each with a part of what is to be said of it.
pub(crate) fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let nested = "{\"playlist\": {\"pid\": 1, \"tracks\": [1, 2]}}\n{\"playlist\": {\"pid\": 2, \"tracks\": [3]}}\n";
    vec![
        (
            "combined_data_1.txt",
            "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n885013,4,2005-10-19\n".into(),
            "is one field",
        ),
        (
            "reviews.json",
            b"[{\"user\": 1, \"item\": 2, \"rating\": 3}]".to_vec(),
            "it is one list, not one JSON object a line",
        ),
        (
            "steam_reviews.json",
            b"{u'user_id': u'76561197970982479', u'item_id': u'1250'}\n".to_vec(),
            "is not a JSON object",
        ),
        ("playlists.jsonl", nested.into(), "no column of it looks like the user"),
        ("empty.csv", Vec::new(), "has no rows"),
        ("header.csv", b"user,item,rating\n".to_vec(), "has no rows"),
        ("one_column.csv", b"user\n1\n2\n3\n".to_vec(), "is one field"),
        ("ratings.xlsx", b"PK\x03\x04\x14\x00\x06\x00".to_vec(), "it is a workbook or a ZIP archive, not a table"),
        (
            "random.bin",
            (0..4_000_u32).map(|n| (2_654_435_761_u32.wrapping_mul(n * n + 7) >> 24) as u8).collect(),
            "hint: ",
        ),
        ("cut.parquet", b"PAR1\x15\x04".to_vec(), "is not a readable Parquet file"),
        ("people.csv", b"name,age,height\nann,31,1.70\nbob,40,1.80\ncem,22,1.65\n".to_vec(), "hint: "),
    ]
}
