// Each picture leads to its file, the larger one if there are two: on a phone the labels of several panels are small.
for (const picture of document.querySelectorAll("article img:not(a img)")) {
    const link = document.createElement("a");
    link.href = picture.srcset.split(",").pop().trim().split(" ")[0] || picture.src;
    picture.replaceWith(link);
    link.append(picture);
}
