from sync.central import feed
from sync.central.database import Database


def test_try(database: Database) -> None:
    with database.begin() as c:
        feed.publish(c, {("TN", "item", "1"): "{}", ("TN", "item", "2"): None}, 5)
    with database.read() as c:
        print(feed.page(c, 0, ["TN"]))
        c.exec_driver_sql("create temporary table x (a text)")
    with database.read() as c:
        c.exec_driver_sql("create temporary table x (a text)")
